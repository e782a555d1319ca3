"""Coverage-guided fuzzing of every source, by the clock: nothing but InvalidEvent may come of any bytes.

    python -m tests.fuzz queue_log --seconds 30      needs atheris: pip install 'atheris<3.1'
    python -m tests.fuzz all --seconds 30            each of them, as many at once as there are processors

Beside what libFuzzer looks for, each input is judged: a refused record has changed nothing, every event can be routed,
and a snapshot is taken back. (That no id has two contents holds as long as calls are remembered: tests/unit.)
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            sys.exit(max(pool.map(lambda name: _in_a_process(name, given.seconds), TARGETS)))
    target = TARGETS[given.target]
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(target.seeds()):
            (Path(corpus) / str(number)).write_bytes(seed)
        limits = [f"-max_total_time={given.seconds}", "-max_len=4000"]
        atheris.Setup([sys.argv[0], corpus, *limits], target.judge)
        atheris.Fuzz()


def _in_a_process(name: str, seconds: int) -> int:
    """libFuzzer ends its process, with a status that says whether it has found something; then all it said is told."""
    command = [sys.executable, "-m", "tests.fuzz", name, "--seconds", str(seconds)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode(errors="replace")
    runs = next((line for line in said.splitlines() if line.startswith("Done ")), "found something")
    print(f"{name:15} {runs}" if done.returncode == 0 else f"{name:15} {runs}\n{said}", flush=True)
    return abs(done.returncode)


if __name__ == "__main__":
    main()
