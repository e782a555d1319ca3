"""Coverage-guided fuzzing of every source, by the clock: nothing but InvalidEvent may come of any bytes.

    python -m tests.fuzz queue_log --seconds 30      needs atheris: pip install 'atheris<3.1'
    python -m tests.fuzz all --seconds 30            each of them, one after another

Beside what libFuzzer looks for, each input is judged: a refused record has changed nothing, every event can be routed,
and a snapshot is taken back. (That no id has two contents holds as long as calls are remembered: tests/unit.)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import atheris

with atheris.instrument_imports(include=["streams.sources", "streams.gateway.cloud_events", "streams.routing"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("target", choices=[*TARGETS, "all"])
    options.add_argument("--seconds", type=int, default=30)
    given = options.parse_args()
    if given.target == "all":
        sys.exit(max(_in_a_process(name, given.seconds) for name in TARGETS))
    target = TARGETS[given.target]
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds()):
            (Path(corpus) / str(number)).write_bytes(seed)
        limits = [f"-max_total_time={given.seconds}", "-max_len=4000"]
        atheris.Setup([sys.argv[0], corpus, *limits], target.judge)
        atheris.Fuzz()


def _in_a_process(name: str, seconds: int) -> int:
    """libFuzzer ends its process; a finding ends it with a status of its own."""
    print(f"-- {name}", flush=True)
    return subprocess.run([sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds)], check=False).returncode


if __name__ == "__main__":
    main()
