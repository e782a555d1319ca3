"""A simulated month through a real Kafka and real workers: every section of its compliance file equals the recount.

    python -m tests.compliance_proof              # October 2025, five weeks of a million events
    python -m tests.compliance_proof --days 2

The month is told by ``filaviva simulate`` and ``filaviva publish``, judged by worker processes, and read back by
``filaviva compliance``; the recount reads the same lines. Ends with 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from streams import comparison
from streams.cli.demo_run import rules_of
from streams.comparison import Check, Facts
from streams.connections import client_options
from streams.domain.events import COMMANDS
from streams.domain.signals import CALLBACK_SIGNALS
from streams.settings import Settings, load_settings
from streams.simulation.centre import SAC
from streams.told import Data, Told
from streams.topic_reading import TopicReader
from streams.topics import STAGE_INPUTS, full_name
from tests import brokers
from tests.compliance_events import Events
from tests.compliance_file import sections_told
from tests.compliance_month import event
from tests.compliance_recount import MonthOfVisits
from tests.compliance_recount_cases import MonthOfCases
from tests.deadlines import wait_until
from tests.installation import Installation, install
from tests.kafka_server import KafkaServer, kafka_unavailable_reason
from tests.worker_process import PROJECT

MONTH: Final = "2025-10"
START: Final = datetime(2025, 9, 29)  # noqa: DTZ001 - a Monday, on the clock of the centre's first site
DAYS: Final = 35
"""To the Monday after the month: its last dates are over, and what was due on the 31st has rolled."""
DRAIN_SECONDS: Final = 1800
TOLD_SECONDS: Final = 120
MOST_SHOWN: Final = 5
SECTORS: Final = {"sac-cartoes": "card", "sac-banco": "bank", "sac-telecom": "telecom", "cancelamento": "energy"}
"""One of the telephone queues is an electricity distributor's here."""
SHORT: Final = (datetime(2025, 10, 13, 9), 4 / 24)  # noqa: DTZ001 - four hours of a Monday after a holiday
Say = Callable[[str], None]


def document(folder: Path) -> dict[str, Any]:
    """The built-in centre under every pack there is, with keys of no worth in ``folder``."""
    keys = {"token_key": "0a" * 32, "seal_key": "0b" * 32}
    for name, key in keys.items():
        (folder / name).write_text(key)
        (folder / name).chmod(0o600)
    sections = SAC.sections()
    for site, state in zip(sections["sites"], ("CE", "SP"), strict=True):
        site["state"] = state
    for queue in sections["queues"]:
        if queue["queue"] in SECTORS:
            queue |= {"policy": "br-sac@2026.11.0", "sector": SECTORS[queue["queue"]]}
            del queue["max_wait_seconds"]
    [cases] = sections["cases"]
    cases["policies"].append("contract@2026.11.1")
    cases |= {"first_response_seconds": 8 * 3600, "resolution_seconds": 5 * 86_400, "state": "SP"}
    return {
        "clock": {"mode": "event", "lateness_seconds": 60},
        "privacy": {"tenants": {SAC.tenant: {f"{name}_file": str(folder / name) for name in keys}}},
        **sections,
    }


# -- what happens -----------------------------------------------------------------------------------------------------


def simulated(folder: Path, start: datetime, days: float, seed: int) -> Path:
    """The centre's own events, and what goes wrong at its sites, as one file in order of time."""
    whole, told = folder / "month.jsonl", folder / "centre.jsonl"
    wanted = [f"--start={start.isoformat()}", f"--days={days}", f"--seed={seed}", f"--output={told}"]
    incidents = [f"--incident={words}" for words in _incidents(days)]
    command = [sys.executable, "-m", "streams", "simulate", *wanted, *incidents]
    subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    wrong = [(datetime.fromisoformat(each["time"]), each) for each in sorted(_at_sites(start, days), key=_instant)]
    with told.open("rb") as lines, whole.open("wb") as merged:
        for line in lines:
            at = datetime.fromisoformat(json.loads(line)["time"]) if wrong else None
            while wrong and at is not None and wrong[0][0] <= at:
                merged.write(json.dumps(wrong.pop(0)[1]).encode() + b"\n")
            merged.write(line)
    return whole


def _incidents(days: float) -> Iterator[str]:
    """Sources that are silent and tell afterwards, or lose what they had; a flood; nobody there."""
    for number in range(0, int(days), 5):
        yield f"silent-source source=pbx-sao-paulo-1 at=+{24 * number + 10}h for=25m"
        yield f"silent-source source=messaging-hub at=+{24 * number + 15}h for=40m then=drop"
        yield f"flood queue=cancelamento at=+{24 * number + 11}h for=20m contacts=60"
        yield f"agents-leave queue=sac-banco at=+{24 * number + 9}h for=20m"


def _at_sites(start: datetime, days: float) -> Iterator[dict[str, Any]]:
    """Outages of all channels, dates with too few hours of people, a poor menu, exceptions that somebody declares."""
    first = start.replace(tzinfo=UTC) + timedelta(hours=3)
    for number in range(0, int(days), 3):
        day = first + timedelta(days=number)

        def say(kind: str, source: str, site: str, hours: float, day: datetime = day, /, **data: Any) -> dict[str, Any]:
            return event(kind, day + timedelta(hours=hours), source, site=site, **data)

        for channel, source in (("voice", "pbx-fortaleza-1"), ("whatsapp", "messaging-hub")):
            yield say("channel.down", source, "fortaleza", 14, channel=channel)
            yield say("channel.up", source, "fortaleza", 14.4, channel=channel)
        yield say("human_voice.closed", "pbx-sao-paulo-1", "sao-paulo", 7)
        yield say("human_voice.open", "pbx-sao-paulo-1", "sao-paulo", 23.5)
        yield say("ivr.menu_presented", "pbx-sao-paulo-1", "sao-paulo", 10, level=1, options=["human"])
        outage = {"kind": "systemic_outage", "queues": ["cancelamento"], "evidence": f"a storm on day {number}"}
        yield say("exception.declared", "crm", "sao-paulo", 20, **_lasting(day, 9, 20), **outage)
        if number % 6 == 3:
            atypical = {"kind": "atypical_day", "evidence": "the distributor's own declaration"}
            yield say("exception.declared", "crm", "sao-paulo", 21, **_lasting(day, 0, 20), **atypical)


def _lasting(day: datetime, first_hour: float, last_hour: float) -> dict[str, str]:
    return {
        "starts_at": (day + timedelta(hours=first_hour)).isoformat(),
        "ends_at": (day + timedelta(hours=last_hour)).isoformat(),
    }


def _instant(told: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(told["time"])


# -- the proof --------------------------------------------------------------------------------------------------------


def prove(
    installation: Installation, file: Path, month: str, *, workers: int = 2, say: Say = lambda _: None
) -> list[Check]:
    """Publish a file of events, let workers judge it, and compare the compliance file of a month with the recount."""
    running = [installation.worker() for _ in range(workers)]
    try:
        for worker in running:
            worker.wait_ready()
        published = installation.run("publish", str(file))
        say(f"{published['published']:,} events published")
        wait_applied(installation, published["by_topic"])
        say("all of them are applied")
        settings = load_settings(installation.config)
        with file.open("rb") as lines:
            events = Events.read(lines)
        say("the recount has read them")
        visits = MonthOfVisits(month, events, settings, rules_of(settings)).sections()
        checks: list[Check] = []

        def are_equal() -> bool:
            checks[:] = compared(installation, visits, month, events, settings)
            return all(check.is_equal for check in checks)

        try:
            wait_until(are_equal, "the file says what the recount says", seconds=TOLD_SECONDS)
        except AssertionError:
            say("not everything is equal")
        for worker in running:
            assert worker.terminate() == 0, worker.log_tail()
        return checks
    finally:
        for worker in running:
            if worker.exit_code is None:
                worker.kill()


def compared(installation: Installation, visits: Facts, month: str, events: Events, settings: Settings) -> list[Check]:
    """What the command prints now, beside the recount of the same instant."""
    found = json.loads(installation.run_plain("compliance", "--month", month, "--format", "json"))
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    facts = plan_facts(settings)
    expected = MonthOfCases(month, events, settings, rules_of(settings), now_ms, facts).sections()
    return comparison.compare(visits | expected, sections_told(found))


def wait_applied(installation: Installation, by_topic: Mapping[str, int]) -> None:
    """Until the state of every stage rests on all that was published for it."""
    for stage, inputs in STAGE_INPUTS.items():
        wanted = {topic: by_topic[topic] for topic in inputs if topic in by_topic}
        if stage != "results":  # which has no state
            _wait_applied(installation, stage, wanted)


def _wait_applied(installation: Installation, stage: str, wanted: Mapping[str, int]) -> None:
    with installation.state(stage) as state:

        def are_applied() -> bool:
            state.refresh()
            return all(state.records_done(topic) == count for topic, count in wanted.items())

        wait_until(are_applied, f"{stage} has all of {', '.join(wanted)}", seconds=DRAIN_SECONDS)


def plan_facts(settings: Settings) -> list[Data]:
    """Attempts, expiries and commands, which a recount of plans takes as fact."""
    told, kafka = Told(), settings.kafka
    with TopicReader(kafka.brokers, client_options(kafka, settings.kafka_password)) as reader:
        for topic in (CALLBACK_SIGNALS, COMMANDS):
            for record in reader.records(full_name(kafka.prefix, topic), lambda _: None):
                told.take(topic, record.value)
    return told.plan_facts


# -- as a command -----------------------------------------------------------------------------------------------------


def report(checks: Iterable[Check]) -> str:
    """A line per section, and the first differences of each."""
    lines = []
    for check in checks:
        lines.append(f"{check.name:14}{check.compared:>8,} lines  {'equal' if check.is_equal else 'NOT EQUAL'}")
        lines += [f"    {difference}" for difference in check.differences[:MOST_SHOWN]]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.compliance_proof", description=__doc__)
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--keep", type=Path, help="keep the events, the configuration and the file in this folder")
    given = parser.parse_args()
    reason = kafka_unavailable_reason()
    if reason:
        print(f"the proof cannot run: {reason}", file=sys.stderr)
        return 2
    started = time.monotonic()

    def say(words: str) -> None:
        print(f"  {time.monotonic() - started:6.0f} s  {words}", flush=True)

    with tempfile.TemporaryDirectory(prefix="filaviva-compliance-") as made, KafkaServer() as server:
        folder = given.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        file = simulated(folder, START, given.days, given.seed)
        say(f"{given.days:g} days simulated from {START:%Y-%m-%d}, seed {given.seed}")
        installation = install(brokers.of_kafka(server), folder, document(folder), partitions=8)
        checks = prove(installation, file, MONTH, say=say)
        shown = installation.run_plain("compliance", "--month", MONTH)
        (folder / "compliance.txt").write_text(shown)
        print(shown)
    print(report(checks))
    kinds = Counter(check.is_equal for check in checks)
    print(f"{kinds[True]} of {len(checks)} sections equal the recount")
    return 1 if kinds[False] else 0


if __name__ == "__main__":
    sys.exit(main())
