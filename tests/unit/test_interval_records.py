"""Interval records of the queues core: the last word on each interval, whatever the batches, flushes and restarts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from streams.domain.channel_queue import MOST_CLOSED_DAYS
from streams.domain.decisions import Output
from streams.domain.encoding import iso_time
from streams.domain.events import CALL_EVENTS
from streams.domain.intake import Facts
from streams.domain.outcomes import QUEUE_INTERVALS
from streams.domain.queues import ClockRules, QueuesCore
from tests.callback_records import MINUTE_MS, NINE_MS, KafkaRecord, directory, policy

DAY_MS = 24 * 60 * MINUTE_MS
LONG_AGO_MS = NINE_MS - 30 * DAY_MS

Rows = dict[bytes, bytes]


def new_core(rows: Rows | None = None) -> QueuesCore:
    places = directory(policy(callback_queue=None))
    core = QueuesCore(0, places, facts=Facts(None, None), clock=ClockRules())
    core.restore(rows or {})
    return core


def fact(kind: str, contact: str, time_ms: int, *, source: str = "pbx-1") -> dict[str, Any]:
    data = {"tenant": "acme", "site": "fortaleza", "queue": "sac", "channel": "voice", "contact_id": contact}
    return {
        "specversion": "1.0",
        "id": f"{contact}/{kind}",
        "source": source,
        "type": f"contact.{kind}",
        "time": iso_time(time_ms),
        "data": data,
    }


def call(contact: str, offered_ms: int, *, wait_ms: int = 10_000, source: str = "pbx-1") -> list[dict[str, Any]]:
    return [
        fact("offered", contact, offered_ms, source=source),
        fact("answered", contact, offered_ms + wait_ms, source=source),
    ]


def apply(core: QueuesCore, *events: dict[str, Any]) -> None:
    """One batch, all of it in Kafka at nine."""
    records = [KafkaRecord(json.dumps(event).encode(), b"acme/sac", number) for number, event in enumerate(events)]
    core.apply(CALL_EVENTS, records, NINE_MS, NINE_MS)


def flush(core: QueuesCore, rows: Rows | None = None) -> list[Output]:
    """The outputs of a flush; its rows go where a changelog would keep them, the changed ones last."""
    changes = core.changes()
    kept = {} if rows is None else rows
    for key, value in changes.rows:
        kept.pop(key, None)
        if value is not None:
            kept[key] = value
    return changes.outputs


def last_words(outputs: Iterable[Output]) -> dict[str, dict[str, Any]]:
    """The interval records that a reader of the highest revisions ends up with, by the interval's start."""
    kept: dict[str, dict[str, Any]] = {}
    for output in outputs:
        if output.topic == QUEUE_INTERVALS:
            data = json.loads(output.value or b"")["data"]
            before = kept.setdefault(data["interval_start"], data)
            if data["revision"] > before["revision"]:
                kept[data["interval_start"]] = data
    return kept


def revisions_of(outputs: Iterable[Output]) -> list[tuple[str, int]]:
    """Interval and revision of each record that is no repeat, in the order told; a smaller revision is a failure."""
    told: list[tuple[str, int]] = []
    newest: dict[str, int] = {}
    for output in outputs:
        if output.topic == QUEUE_INTERVALS:
            data = json.loads(output.value or b"")["data"]
            start, revision = data["interval_start"], data["revision"]
            assert revision >= newest.get(start, 0)
            if revision > newest.get(start, 0):
                told.append((start, revision))
            newest[start] = revision
    return told


def test_an_interval_that_grows_old_within_one_flush_is_still_told() -> None:
    """A replay goes through days between two flushes: what is forgotten meanwhile has its record all the same."""
    core = new_core()
    for day in range(6):
        apply(core, *call(f"c{day}", LONG_AGO_MS + day * DAY_MS))
    told = last_words(flush(core))
    assert {start: words["answered"] for start, words in told.items()} == {
        iso_time(LONG_AGO_MS + day * DAY_MS): 1 for day in range(6)
    }


def test_an_interval_forgotten_is_deleted_from_the_state() -> None:
    """The state stays as small as the days that can still change."""
    core, rows = new_core(), Rows()
    for day in range(6):
        apply(core, *call(f"c{day}", LONG_AGO_MS + day * DAY_MS))
        flush(core, rows)
    assert sum(key.startswith(b"i/") for key in rows) == 3


@pytest.mark.parametrize("restarts", [False, True])
def test_a_second_archive_of_a_queue_adds_to_what_the_first_has_told(*, restarts: bool) -> None:
    """Published one after the other: the days of the first are closed by then, and are opened again with their counts
    and revisions, so that the last word on each interval is of both."""
    core, rows, told = new_core(), Rows(), list[Output]()
    for archive in ("pbx-1", "pbx-2"):
        for day in range(8):
            offered_ms = LONG_AGO_MS + day * DAY_MS
            apply(core, *call(f"{archive}-{day}", offered_ms, source=archive))
            told += flush(core, rows)
            if restarts:
                core = new_core(rows)
    assert {start: (words["offered"], words["answered"]) for start, words in last_words(told).items()} == {
        iso_time(LONG_AGO_MS + day * DAY_MS): (2, 2) for day in range(8)
    }
    assert len(revisions_of(told)) == 16, "no interval is told with a smaller or equal revision"
    assert dict(core.snapshot()) == rows


def test_both_archives_at_once_end_as_one_after_the_other() -> None:
    """The same counts and revisions, whether or not a day was closed in between."""
    days = [(LONG_AGO_MS + day * DAY_MS, day) for day in range(8)]
    ends = []
    for order in ([(a, *day) for a in "xy" for day in days], [(a, *day) for day in days for a in "xy"]):
        core = new_core()
        told = []
        for archive, offered_ms, day in order:
            apply(core, *call(f"{archive}-{day}", offered_ms, source=archive))
            told += flush(core)
        ends.append(last_words(told))
    assert ends[0] == ends[1]


def test_a_day_is_opened_for_more_and_closed_again() -> None:
    """One archive after the other: open are the three newest days, and the last two that were opened again."""
    core, rows = new_core(), Rows()
    for archive in ("pbx-1", "pbx-2", "pbx-3"):
        for day in range(8):
            apply(core, *call(f"{archive}-{day}", LONG_AGO_MS + day * DAY_MS, source=archive))
            flush(core, rows)
        assert sum(key.startswith(b"i/") for key in rows) <= 5
        assert sum(key.startswith((b"i/", b"d/")) for key in rows) == 8


def test_days_beyond_those_kept_are_too_late() -> None:
    """Their counts are let go, so a second archive of theirs is refused, not told as if it were all there is."""
    core, rows = new_core(), Rows()
    days = MOST_CLOSED_DAYS + 5
    first_ms = NINE_MS - 600 * DAY_MS
    for day in range(days):
        apply(core, *call(f"c{day}", first_ms + day * DAY_MS))
    flush(core, rows)
    assert sum(key.startswith(b"d/") for key in rows) == MOST_CLOSED_DAYS
    core = new_core(rows)
    apply(
        core,
        *call("early", first_ms + DAY_MS, source="archive"),
        *call("kept", first_ms + 2 * DAY_MS, source="archive"),
    )
    assert core.stage_figures().rejected == {("call-events", "too_late"): 2}
    words = last_words(flush(core, rows))
    assert words[iso_time(first_ms + 2 * DAY_MS)]["offered"] == 2


@pytest.mark.parametrize("newest_first", [True, False])
def test_a_restart_keeps_the_intervals_of_every_retained_visit(*, newest_first: bool) -> None:
    """Today's calls and a replay of last month share a queue; rows come back in any order."""
    rows = Rows()
    core = new_core()
    apply(core, *call("old", LONG_AGO_MS, source="archive")[:1], *call("old-2", LONG_AGO_MS + MINUTE_MS))
    apply(core, *call("new", NINE_MS - MINUTE_MS))
    told = flush(core, rows)
    core = new_core(dict(sorted(rows.items(), reverse=newest_first)))
    apply(core, *call("old", LONG_AGO_MS, source="archive")[1:])
    words = last_words([*told, *flush(core, rows)])
    assert {name: words[iso_time(LONG_AGO_MS)][name] for name in ("offered", "answered", "waiting")} == {
        "offered": 2,
        "answered": 2,
        "waiting": 0,
    }


def test_what_a_killed_worker_told_in_small_batches_never_beats_its_successors_last_word() -> None:
    """The first records waits that pass their limit before it reads the answers; the second reads all at once."""
    callers = [f"c{number}" for number in range(10)]
    offers = [fact("offered", caller, LONG_AGO_MS) for caller in callers]
    later = call("later", LONG_AGO_MS + 5 * MINUTE_MS)
    answers = [fact("answered", caller, LONG_AGO_MS + 6 * MINUTE_MS) for caller in callers]
    killed, successor = new_core(), new_core()
    told: list[Output] = []
    for batch in (offers, later, answers[:-1]):
        apply(killed, *batch)
        told += flush(killed)
    apply(successor, *offers, *later, *answers)
    words = last_words([*told, *flush(successor)])
    assert words[iso_time(LONG_AGO_MS)]["answered"] == 11
