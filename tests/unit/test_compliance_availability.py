"""The evidence of what sites offered: dates by verdict, findings, and when sources were silent."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from streams.cli.compliance_report import print_evidence
from streams.compliance import Evidence
from streams.compliance_availability import SiteInQuestion, availability_lines, blind_lines
from tests.site_bench import PACK, SiteBench, beats, held_site, said

PLACE = ("acme", "fortaleza")
SITE = SiteInQuestion(PLACE, held_site().site_rules()[PLACE], ("hub", "pbx-1"))


def october() -> SiteBench:
    """Heard from the 1st to the 5th but for an hour after each midnight; without a channel for a minute on the 3rd."""
    bench = SiteBench()
    for number in range(1, 6):
        day = f"2026-10-0{number}"
        bench.take(
            *beats(f"{day}T01:00:00", f"{day}T23:59:00"),
            *beats(f"{day}T00:00:00", f"{day}T23:59:00", source="hub"),
            said("channel.up", f"{day}T00:00:00", channel="chat", source="hub"),
            said("channel.up", f"{day}T01:00:00", channel="voice"),
            said("human_voice.open", f"{day}T08:00:00"),
            said("human_voice.closed", f"{day}T15:00:00" if number == 4 else f"{day}T18:00:00"),
            said("ivr.menu_presented", f"{day}T09:00:00", level=1, options=["complaint", "cancellation"]),
        )
        if number == 3:
            bench.take(said("channel.down", f"{day}T12:00:00", channel="voice"))
            bench.take(said("channel.down", f"{day}T12:00:30", channel="chat", source="hub"))
            bench.take(said("channel.up", f"{day}T12:01:30", channel="voice"))
            bench.take(said("channel.up", f"{day}T12:02:00", channel="chat", source="hub"))
    bench.take(*beats("2026-10-06T00:00:00", "2026-10-06T00:05:00"))
    return bench


def test_dates_are_counted_by_verdict_and_findings_named() -> None:
    """The 4th had seven hours and an hour unknown: unknown, not breached. Dates nobody heard of are unknown."""
    bench = october()
    lines = availability_lines("2026-10", [SITE], bench.records(), bench.last.values(), today=date(2026, 10, 8))
    counts = {line.rule: (line.met, line.breached, line.unknown) for line in lines}
    assert counts == {"ACC-1": (4, 1, 2), "ACC-2": (4, 0, 3), "ACC-3": (5, 0, 2)}
    assert {line.policy_version for line in lines} == {PACK}
    [outage] = lines[0].findings
    assert (outage["started_at"], outage["ended_at"]) == ("2026-10-03T15:00:30.000Z", "2026-10-03T15:01:30.000Z")
    assert [line.findings for line in lines[1:]] == [[], []]


def test_a_month_before_anything_is_unknown_and_a_month_to_come_is_empty() -> None:
    september = availability_lines("2026-09", [SITE], {}, [], today=date(2026, 10, 8))
    assert {(line.met, line.breached, line.unknown) for line in september} == {(0, 0, 30)}
    assert availability_lines("2026-11", [SITE], {}, [], today=date(2026, 10, 8)) == []


def test_another_month_has_none_of_these_findings() -> None:
    bench = october()
    lines = availability_lines("2026-09", [SITE], {}, bench.last.values(), today=date(2026, 10, 8))
    assert all(not line.findings for line in lines)


def test_silences_are_told_by_source() -> None:
    """An hour after each midnight, less the minute for which the last heartbeat stands; two dates without a word."""
    hub, pbx = blind_lines("2026-10", [SITE], october().records(), today=date(2026, 10, 8))
    assert (hub.source, hub.silent_seconds, hub.silences, hub.dates_unheard) == ("hub", 0.0, [], 2)
    assert pbx.silent_seconds == timedelta(hours=5).total_seconds()
    assert pbx.silences[1] == ("2026-10-02T03:00:00.000Z", "2026-10-02T04:00:00.000Z")
    assert (len(pbx.silences), pbx.dates_unheard) == (5, 2)


def test_a_silence_through_midnight_is_one() -> None:
    """Two dates tell of it, one stretch is shown."""
    bench = SiteBench()
    bench.take(*beats("2026-10-01T00:00:00", "2026-10-01T22:00:00"))
    bench.take(*beats("2026-10-02T03:00:00", "2026-10-03T00:01:00"))
    pbx = blind_lines("2026-10", [SITE], bench.records(), today=date(2026, 10, 3))[1]
    assert pbx.silences == [("2026-10-02T01:01:00.000Z", "2026-10-02T06:00:00.000Z")]
    assert pbx.silent_seconds == timedelta(hours=4, minutes=59).total_seconds()


def test_a_source_added_later_was_unheard_before() -> None:
    """A record that does not know it says nothing of it."""
    later = replace(SITE, sources=("hub", "pbx-1", "pbx-2"))
    assert blind_lines("2026-10", [later], october().records(), today=date(2026, 10, 6))[2].dates_unheard == 5


def test_the_tables_show_them(capsys: pytest.CaptureFixture[str]) -> None:
    bench = october()
    today = date(2026, 10, 8)
    lines = availability_lines("2026-10", [SITE], bench.records(), bench.last.values(), today=today)
    blind = blind_lines("2026-10", [SITE], bench.records(), today=today)
    print_evidence(Evidence("2026-10", [], [], [], availability=lines, blind=blind))
    shown = " ".join(capsys.readouterr().out.split())
    assert f"acme/fortaleza ACC-1 {PACK} 4 1 2 2026-10-03T15:00:30.000Z to 2026-10-03T15:01:30.000Z law VP" in shown
    assert "acme/fortaleza/pbx-1 5.00 5 2" in shown
