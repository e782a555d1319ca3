"""Incidents as lines of text: every kind, and every way to write one wrong."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from streams.errors import ConfigError
from streams.simulation.centre import SAC
from streams.simulation.incidents import AgentsLeave, Flood, Incident, SilentSource, instant_of, parse_incidents


def parsed(*lines: str) -> list[Incident]:
    return parse_incidents([(f"line {number}", line) for number, line in enumerate(lines, start=1)], SAC)


@pytest.mark.parametrize(
    ("line", "incident"),
    [
        (
            "flood queue=sac-telecom at=10:15 for=20m contacts=80",
            Flood(queue="sac-telecom", at=time(10, 15), minutes=20, contacts=80),
        ),
        (
            "agents-leave at=+90s for=1.5h queue=sac-cartoes",
            AgentsLeave(queue="sac-cartoes", at=timedelta(seconds=90), minutes=90),
        ),
        ("agents-leave team=banco at=9:05 for=30s", AgentsLeave(team="banco", at=time(9, 5), minutes=0.5)),
        (
            "silent-source source=web-chat at=+0m for=10m  # the chat is down",
            SilentSource(source="web-chat", at=timedelta(0), minutes=10),
        ),
        (
            "silent-source source=web-chat at=23:59 for=10m then=drop",
            SilentSource(source="web-chat", at=time(23, 59), minutes=10, drops=True),
        ),
    ],
)
def test_a_line_is_an_incident(line: str, incident: Incident) -> None:
    """In whatever order its keys stand; a comment ends it."""
    assert parsed("", line, "# nothing") == [incident]


@pytest.mark.parametrize(
    ("line", "where", "expected"),
    [
        ("flod queue=sac-telecom", "first word", "one of agents-leave, flood, silent-source, not 'flod'"),
        ("flood sac-telecom", "'sac-telecom'", "KEY=VALUE with a key of flood: queue, at, for, contacts"),
        ("flood source=web-chat", "'source=web-chat'", "a key of flood"),
        ("flood at=10:00 at=11:00", "at", "it once"),
        ("flood queue=nowhere at=10:00 for=1m contacts=1", "queue", "one of sac-cartoes, "),
        ("flood at=10:00 for=1m contacts=1", "queue", "it is missing"),
        ("flood queue=sac-chat at=25:00 for=1m contacts=1", "at", "such as 10:15, or +30m"),
        ("flood queue=sac-chat at=30m for=1m contacts=1", "at", "not '30m'"),
        ("flood queue=sac-chat at=10:00 for=20 contacts=1", "for", "such as 90s, 20m or 2h, not '20'"),
        ("flood queue=sac-chat at=10:00 for=0m contacts=1", "for", "a length of time"),
        ("flood queue=sac-chat at=10:00 for=200h contacts=1", "for", "up to a week"),
        ("flood queue=sac-chat at=10:00 for=1m contacts=-3", "contacts", "a whole number from 1"),
        ("flood queue=sac-chat at=10:00 for=1m", "contacts", "it is missing"),
        ("agents-leave at=10:00 for=1m", "queue", "either queue=... or team=..."),
        ("agents-leave queue=sac-chat team=chat at=10:00 for=1m", "queue", "either"),
        ("agents-leave team=nobody at=10:00 for=1m", "team", "one of cartoes, "),
        ("silent-source source=pbx at=10:00 for=1m", "source", "one of pbx-fortaleza-1, "),
        ("silent-source source=web-chat at=10:00 for=1m then=shout", "then", "tell or drop, not 'shout'"),
    ],
)
def test_what_is_wrong_is_named(line: str, where: str, expected: str) -> None:
    """The line, the key in it, and what was expected there."""
    with pytest.raises(ConfigError) as raised:
        parsed("", line)
    (problem,) = raised.value.problems
    assert problem[0] == f"line 2, {where}"
    assert expected in problem[1]


def test_all_wrong_lines_are_told_at_once() -> None:
    """In their order."""
    with pytest.raises(ConfigError) as raised:
        parsed("flod", "flood queue=sac-chat at=10:00 for=1m contacts=1", "silent")
    assert [where for where, _ in raised.value.problems] == ["line 1, first word", "line 3, first word"]


def test_a_time_of_day_is_the_first_one_after_the_start() -> None:
    """The start itself included; a distance counts from it."""
    start = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert instant_of(time(9), start) == start
    assert instant_of(time(10, 15), start) == datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
    assert instant_of(time(8, 59), start) == datetime(2026, 11, 24, 8, 59, tzinfo=UTC)
    assert instant_of(timedelta(minutes=5), start) == datetime(2026, 11, 23, 9, 5, tzinfo=UTC)
