"""A mover's page, and what it says of a mover that is behind, cut off, or hangs.

After a wanted change, ``python -m tests.unit.test_mover_page`` writes the golden page again; read its difference.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams import metric_names as names
from streams.errors import Unavailable
from streams.metric_names import INTAKE_CATALOGUE, Kind
from streams.movers.figures import ALIVE_SECONDS, MoverFigures, page
from streams.movers.health import MoverHealth
from streams.movers.queue_log import QueueLogMover
from streams.movers.sending import WatchedSender
from streams.sources.mapping import MOST_KINDS
from tests.unit.test_queue_log_mover import LINES, Topics, dictionary, drained, written

GOLDEN = Path(__file__).parents[1] / "golden" / "mover-metrics.txt"


def golden_figures() -> MoverFigures:
    """Of the middle of a day, no two numbers alike."""
    figures = MoverFigures("pbx-1", "queue-log", records=4711, events=3000, breaks=2, is_connected=True)
    figures.ignored.update({"INFO": 7, "DID": 3})
    figures.rejected.update({"missing_field": 5})
    figures.last_record_ms = 1_795_435_200_000
    figures.log_behind_seconds = lambda: 12.5
    return figures


def golden_page() -> str:
    return page(golden_figures(), "")[0].decode()


def values(text: str) -> dict[str, float]:
    """Name, and the value of the first label that is neither source nor mover, to the value."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            more = [value for label, value in sample.labels.items() if label not in names.MOVER_LABELS]
            found[" ".join((sample.name, *more))] = sample.value
    return found


def test_the_page_is_the_golden_one() -> None:
    """Every reason from 0 on, counters and gauges under their names of the catalogue."""
    assert golden_page() == GOLDEN.read_text()
    told = {line.split()[2] for line in golden_page().splitlines() if line.startswith("# TYPE")}
    assert told == {each.name for each in INTAKE_CATALOGUE if each.name.startswith("filaviva_mover_")}


def test_names_and_labels_keep_the_conventions() -> None:
    """Base units, counters by their ending, at most three labels; what comes from outside is bounded."""
    for each in INTAKE_CATALOGUE:
        assert (each.kind is Kind.COUNTER) == each.name.endswith("_total"), each.name
        assert each.name.startswith(("filaviva_gateway_", "filaviva_mover_"))
        assert each.help.endswith(".")
        assert len(each.labels) <= 3
    figures = golden_figures()
    for number in range(MOST_KINDS):
        figures.ignored[f"kind {number}"] += 1
    assert len(values(page(figures, "")[0].decode())) < 300


@pytest.fixture
def looked_at() -> Iterator[tuple[MoverFigures, MoverHealth]]:
    figures = MoverFigures("pbx-1", "queue-log")
    health = MoverHealth(figures, host="127.0.0.1", port=0)
    yield figures, health
    health.close()


def asked(health: MoverHealth, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{health.port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_health_says_what_is_wrong(looked_at: tuple[MoverFigures, MoverHealth]) -> None:
    """Alive while it goes round; ready while what it reads is there and Kafka takes it."""
    figures, health = looked_at
    assert asked(health, "/healthz") == (200, '{"alive": true}')
    assert json.loads(asked(health, "/readyz")[1]) == {"ready": False, "reason": "what is read from is away"}
    figures.is_connected = True
    assert asked(health, "/readyz")[0] == 503
    figures.is_delivering = True
    assert asked(health, "/readyz") == (200, '{"ready": true}')
    figures.stepped_at = time.monotonic() - ALIVE_SECONDS - 1
    assert asked(health, "/healthz")[0] == 503
    status, text = asked(health, "/metrics")
    assert (status, values(text)["filaviva_mover_delivering"]) == (200, 1.0)
    assert asked(health, "/elsewhere")[0] == 404


def test_a_log_is_behind_by_the_times_of_its_lines(tmp_path: Path) -> None:
    """0 once it is read, whenever that was written; while it is not, from the last line read to the last there is, also
    for the mover that comes after."""
    log, topics = tmp_path / "queue_log", Topics()
    first, last = (int(line.partition(b"|")[0]) for line in (LINES[0], LINES[199]))
    written(log, LINES[:100])
    figures = MoverFigures("pbx-1", "queue-log")
    moving = QueueLogMover(log, dictionary(), tmp_path / "s.json", topics, figures=figures)
    assert figures.behind_seconds == int(LINES[99].partition(b"|")[0]) - first
    drained(moving)
    assert figures.behind_seconds == 0
    written(log, [*LINES[100:200], b"nonsense"])
    read = int(LINES[99].partition(b"|")[0])
    later = MoverFigures("pbx-1", "queue-log")
    moving = QueueLogMover(log, dictionary(), tmp_path / "s.json", topics, figures=later)
    assert later.behind_seconds == 0, "a line without a time says nothing of time"
    written(log, [LINES[199]])
    assert later.behind_seconds == last - read > 0
    drained(moving)
    assert (later.behind_seconds, later.records, later.rejected) == (0, 102, {"missing_field": 1})
    assert later.ignored.total() + later.events > 0


def test_a_mover_that_comes_after_another_counts_on(tmp_path: Path) -> None:
    """Kafka was away in between: what is read again is counted again, nothing is forgotten, and the page says who is
    away."""
    log, topics = tmp_path / "queue_log", Topics()
    written(log, LINES[:50])
    figures = MoverFigures("pbx-1", "queue-log")

    def moving() -> QueueLogMover:
        return QueueLogMover(
            log, dictionary(), tmp_path / "s.json", WatchedSender(lambda: topics, figures), figures=figures
        )

    drained(moving())
    assert figures.is_delivering
    written(log, LINES[50:60])
    topics.is_away = True
    with pytest.raises(Unavailable):
        drained(moving())
    assert not figures.is_delivering
    topics.dies(delivered=0)
    topics.is_away = False
    drained(moving())
    assert (figures.is_delivering, figures.is_connected, figures.records) == (True, True, 70)


if __name__ == "__main__":
    GOLDEN.write_text(golden_page())
