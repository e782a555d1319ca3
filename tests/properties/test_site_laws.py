"""Laws of availability: any order, batches, repeats and restarts end in the days and findings that a recount has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from hypothesis import given, settings as effort, strategies as st

from streams.domain.recount_sites import Counted, SiteTerms, count_site, read_sites
from streams.recount_terms import site_terms_of
from tests.policy_cases import SAO_PAULO, instant
from tests.site_bench import Said, SiteBench, beats, held_site, said

FIRSTS: Final = [date(2022, 10, 1), date(2018, 11, 3), date(2026, 2, 27)]
"""The regime changes on 3 October 2022; summer time began on 4 November 2018, a date of 23 hours."""
SIGNALS: Final = [
    ("channel.up", {"channel": "voice"}), ("channel.down", {"channel": "voice"}),
    ("channel.up", {"channel": "chat"}), ("channel.down", {"channel": "chat"}),
    ("human_voice.open", {}), ("human_voice.closed", {}),
    ("ivr.menu_presented", {"level": 1, "options": ["complaint", "cancellation"]}),
    ("ivr.menu_presented", {"level": 1, "options": ["human"], "menu": "sales"}),
    ("ivr.menu_presented", {"level": 2, "options": []}),
]  # fmt: skip
CLOCKS: Final = ["00:00:00", "00:00:00.001", "07:59:59", "08:00:00", "15:59:59.999", "16:00:00", "23:59:59.999"]
SETTINGS: Final = held_site(silence=12 * 3600)


@st.composite
def histories(draw: st.DrawFn) -> list[Said]:
    """What two sources say within four days around a special one, heard for some of the time. With two days that the
    laws add it is less than the week that is kept: a recount forgets nothing."""
    first = draw(st.sampled_from(FIRSTS))
    told: list[Said] = []
    for number in range(draw(st.integers(1, 8))):
        kind, data = draw(st.sampled_from(SIGNALS))
        day = first + timedelta(days=draw(st.integers(0, 3)))
        source = draw(st.sampled_from(["pbx-1", "hub"]))
        clock = draw(st.sampled_from(CLOCKS))
        told.append(said(kind, f"{day}T{clock}", source=source, event_id=f"e{number}", **data))
    for source in ("pbx-1", "hub"):
        for _ in range(draw(st.integers(0, 2))):
            start = datetime.combine(first, datetime.min.time()) + timedelta(
                hours=draw(st.sampled_from([-6, 0, 1, 12, 40]))
            )
            end = start + timedelta(hours=draw(st.sampled_from([0, 7, 30, 72])))
            told += beats(start.isoformat(), end.isoformat(), every=6 * 3600, source=source)
    return told


def expected(told: list[Said], now_ms: int) -> Counted:
    terms: SiteTerms = site_terms_of(SETTINGS)["acme", "fortaleza"]
    return count_site(read_sites(each.value for each in told), terms, now_ms=now_ms)


def judged(days: Mapping[str, Mapping[str, Any]]) -> tuple[dict[Any, Any], dict[Any, Any], dict[Any, Any]]:
    """Day records in the recount's shape."""
    seconds: dict[Any, Any] = {}
    silent: dict[Any, Any] = {}
    verdicts: dict[Any, Any] = {}
    for name, day in days.items():
        about = {**day["channels"], "any_channel": day["any_channel"], "human_voice": day["human_voice"]}
        seconds |= {(name, each): (s["on"], s["off"], s["unknown"]) for each, s in about.items()}
        silent |= {(name, each["source"]): each["silent_seconds"] for each in day["sources"]}
        verdicts |= {(name, each["rule"], each["policy_version"]): each["verdict"] for each in day["verdicts"]}
    return seconds, silent, verdicts


@given(histories(), st.data())
@effort(max_examples=40)
def test_days_and_findings_equal_a_recount(told: list[Said], data: st.DataObject) -> None:
    """Told in any order, repeatedly, with restarts; the clock stands at the end, so that every date is over at once."""
    end = max(each.time_ms for each in told) + 86_400_000 * 2
    last = [said("source.heartbeat", datetime.fromtimestamp(end / 1000, SAO_PAULO).isoformat())]
    bench = SiteBench(SETTINGS, "event")
    left = data.draw(st.permutations([*told, *told[:2], *last]))
    when = datetime.fromtimestamp(end / 1000, SAO_PAULO).isoformat()
    while left:
        size = data.draw(st.integers(1, 6))
        part, left = left[:size], left[size:]
        bench.take(*part, now=when)
        if data.draw(st.booleans()):
            bench.restart()
    found = expected([*told, *last], end)
    assert bench.findings() == found.findings
    seconds, silent, verdicts = judged(bench.days())
    assert seconds == found.seconds
    assert silent == found.silent_seconds
    assert verdicts == found.verdicts


@given(histories(), st.data())
@effort(max_examples=12)
def test_findings_equal_a_recount_at_every_instant(told: list[Said], data: st.DataObject) -> None:
    """In order of time, with ticks between; also right after a restart."""
    bench = SiteBench(SETTINGS, "event")
    known: list[Said] = []
    for each in sorted(told, key=lambda each: each.time_ms):
        bench.take(each, now=datetime.fromtimestamp(each.time_ms / 1000, SAO_PAULO).isoformat())
        known.append(each)
        if data.draw(st.booleans()):
            bench.restart()
        later = each.time_ms + data.draw(st.sampled_from([0, 1, 3_600_000, 8 * 3_600_000]))
        upcoming = [other.time_ms for other in told if other.time_ms > each.time_ms]
        now_ms = min([later, *upcoming])
        bench.tick(datetime.fromtimestamp(now_ms / 1000, SAO_PAULO).isoformat())
        assert bench.findings() == expected(known, now_ms).findings


def test_an_example_is_what_it_says() -> None:
    """A date of 23 hours has 82,800 seconds on both sides."""
    told = [
        said("human_voice.closed", "2018-11-04T02:00:00-02:00"),
        *beats("2018-11-03T00:00:00", "2018-11-06T00:00:00", every=6 * 3600),
    ]
    bench = SiteBench(SETTINGS, "event")
    bench.take(*told)
    assert sum(bench.days()["2018-11-04"]["human_voice"].values()) == 82_800
    assert expected(told, instant("2018-11-06T00:00:00")).seconds["2018-11-04", "human_voice"] == (
        0.0,
        79_200.0,
        3600.0,
    )
