"""What a site offers: a channel at every instant, human voice by date, first menus; silence is never compliance."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace as changed

from streams.domain.site_service import KEPT_MS
from streams.domain.spans import common, gaps, joined, total_ms, union
from tests.configuration import edited, problems_of, sound_document
from tests.policy_cases import instant
from tests.site_bench import PACK, Said, SiteBench, beats, held_site, said

DAY = "2026-11-24"
NEXT = "2026-11-25"


def at(clock: str, day: str = DAY) -> str:
    return f"{day}T{clock}"


def both_beat(first: str, last: str) -> list[Said]:
    return [*beats(first, last), *beats(first, last, source="hub")]


def opened(day: str = DAY) -> list[Said]:
    """Both channels up and people on the telephone from 8 to 18, both sources heard all day and a little longer."""
    return [
        *both_beat(at("00:00:00", day), at("23:59:00", day)),
        said("channel.up", at("00:00:00", day), channel="voice"),
        said("channel.up", at("00:00:00", day), channel="chat", source="hub"),
        said("human_voice.closed", at("00:00:00", day)),
        said("human_voice.open", at("08:00:00", day)),
        said("human_voice.closed", at("18:00:00", day)),
        said("ivr.menu_presented", at("08:00:05", day), level=1, options=["complaint", "cancellation", "human"]),
    ]


AFTERWARDS = both_beat(at("00:00:00", NEXT), at("00:02:00", NEXT))


def test_a_good_day_is_met_and_tells_no_finding() -> None:
    """Its record has every second of the date, when the next has begun."""
    bench = SiteBench()
    bench.take(*opened())
    assert bench.days() == {}
    bench.take(*AFTERWARDS)
    day = bench.days()[DAY]
    assert bench.verdicts(DAY) == {"ACC-1": "met", "ACC-2": "met", "ACC-3": "met"}
    assert day["any_channel"] == {"on": 86_400.0, "off": 0.0, "unknown": 0.0}
    assert day["human_voice"] == {"on": 36_000.0, "off": 50_400.0, "unknown": 0.0}
    assert day["menus"] == [{"menu": "main", "options": ["cancellation", "complaint", "human"]}]
    assert [(each["source"], each["silent_seconds"]) for each in day["sources"]] == [("hub", 0.0), ("pbx-1", 0.0)]
    assert bench.findings() == {}


def test_an_instant_without_a_channel_is_a_breach_from_the_last_word() -> None:
    """Open at once, confirmed when one is back; one channel is enough."""
    bench = SiteBench()
    bench.take(*opened())
    assert bench.take(said("channel.down", at("10:00:00"), channel="voice")) == []
    assert bench.take(said("channel.down", at("10:05:00"), channel="chat", source="hub")) == [("ACC-1", "open")]
    assert bench.take(said("channel.up", at("10:05:00.001"), channel="voice")) == [("ACC-1", "confirmed")]
    [(key, finding)] = [(key, each) for key, each in bench.last.items() if "finding_id" in each]
    assert key == f"acme/fortaleza:ACC-1:{instant(at('10:05:00'))}:{PACK}"
    assert (finding["started_at"], finding["ended_at"]) == ("2026-11-24T13:05:00.000Z", "2026-11-24T13:05:00.001Z")
    assert (finding["force"], finding["confidence"]) == ("law", "VP")
    bench.take(*AFTERWARDS)
    assert bench.verdicts(DAY)["ACC-1"] == "breached"
    assert bench.days()[DAY]["any_channel"] == {"on": 86_399.999, "off": 0.001, "unknown": 0.0}


def test_a_word_that_comes_late_takes_the_breach_back() -> None:
    """Voice had come back before chat went away: told an hour afterwards, by the same source in time of events."""
    bench = SiteBench()
    bench.take(*opened())
    bench.take(said("channel.down", at("10:00:00"), channel="voice"))
    bench.take(said("channel.down", at("10:05:00"), channel="chat", source="hub"))
    bench.restart()
    assert bench.take(said("channel.up", at("10:04:00"), channel="voice", delay=3600)) == [("ACC-1", "retracted")]
    assert bench.findings() == {}


def test_a_channel_whose_source_is_silent_is_neither_up_nor_down() -> None:
    """With the other one down nobody knows; the breach is told when the silent one says that it was down."""
    bench = SiteBench()
    bench.take(
        said("channel.up", at("09:00:00"), channel="voice"),
        said("channel.up", at("09:00:00"), channel="chat", source="hub"),
        *beats(at("09:00:00"), at("12:00:00"), source="hub"),
    )
    assert bench.take(said("channel.down", at("10:00:00"), channel="chat", source="hub")) == []
    assert bench.core.figures(instant(at("10:00:30")))[0].channels == {"up": 0, "down": 1, "unknown": 1}
    bench.take(*both_beat(at("00:00:00", NEXT), at("00:02:00", NEXT)))
    assert bench.verdicts(DAY) == {"ACC-1": "unknown", "ACC-2": "unknown", "ACC-3": "unknown"}
    told = bench.take(said("channel.down", at("10:30:00"), channel="voice", delay=60_000))
    assert told == [("ACC-1", "open")]
    assert bench.verdicts(DAY)["ACC-1"] == "breached"


def test_a_channel_never_told_of_is_unknown() -> None:
    """A third one is configured: nobody may say that all are down."""
    bench = SiteBench(held_site(channels=["voice", "chat", "app"]))
    bench.take(*opened())
    bench.take(said("channel.down", at("10:00:00"), channel="voice"))
    assert bench.take(said("channel.down", at("10:00:00"), channel="chat", source="hub")) == []
    assert bench.core.figures(instant(at("10:00:01")))[0].channels == {"up": 0, "down": 2, "unknown": 1}


def test_too_few_hours_of_human_voice_are_told_as_soon_as_they_are_certain() -> None:
    """Closed at noon after four hours: at 20:00:00.001 less than four are left of the date."""
    bench = SiteBench()
    bench.take(
        *both_beat(at("00:00:00"), at("21:00:00")),
        said("human_voice.closed", at("00:00:00")),
        said("human_voice.open", at("08:00:00")),
        said("human_voice.closed", at("12:00:00")),
        now=at("12:00:00"),
    )
    assert bench.tick(at("20:00:00")) == []
    assert bench.tick(at("20:00:00.001")) == [("ACC-2", "open")]
    assert bench.tick(at("20:30:00")) == []
    bench.take(*both_beat(at("21:00:00"), at("23:59:00")))
    assert bench.tick(at("00:00:00", NEXT)) == [("ACC-2", "confirmed")]
    bench.take(*AFTERWARDS)
    assert bench.verdicts(DAY)["ACC-2"] == "breached"
    assert bench.last[f"acme/fortaleza:ACC-2:{DAY}:{PACK}"]["at_least_hours"] == 8


def test_what_is_unknown_of_human_voice_counts_as_open_for_a_breach_and_as_closed_for_compliance() -> None:
    """The telephone system was silent from 12 to 20: nobody knows, whichever way."""
    bench = SiteBench()
    bench.take(
        *beats(at("00:00:00"), at("12:00:00")),
        said("human_voice.closed", at("00:00:00")),
        said("human_voice.open", at("08:00:00")),
        *beats(at("20:00:00"), at("23:59:00")),
        said("human_voice.closed", at("20:00:00")),
    )
    assert bench.tick(at("00:00:00", NEXT)) == []
    bench.take(*AFTERWARDS)
    assert bench.verdicts(DAY)["ACC-2"] == "unknown"
    day = bench.days()[DAY]
    assert day["human_voice"] == {"on": 14_460.0, "off": 43_200.0, "unknown": 28_740.0}
    assert day["sources"][1]["silences"] == [["2026-11-24T15:01:00.000Z", "2026-11-24T23:00:00.000Z"]]


@pytest.mark.parametrize(
    ("level", "options", "told"),
    [
        (1, ["complaint", "cancellation"], []),
        (1, ["complaint", "human"], [("ACC-3", "confirmed")]),
        (1, [], [("ACC-3", "confirmed")]),
        (2, ["complaint"], []),
    ],
)
def test_the_first_menu_offers_complaint_and_cancellation(level: int, options: list[str], told: Any) -> None:
    """Menus further down do not matter, and a menu heard a thousand times is one finding of its date."""
    bench = SiteBench()
    heard = [said("ivr.menu_presented", at(f"10:00:{second:02}"), level=level, options=options) for second in range(9)]
    assert bench.take(*heard) == told
    assert bench.take(said("ivr.menu_presented", at("11:00:00"), level=level, options=options)) == []


OLD = "2022-10-02"


def test_the_regime_of_the_day_counts() -> None:
    """Until 2 October 2022 the telephone at every instant, and a person in the first menu; no hours."""
    bench = SiteBench()
    bench.take(*both_beat(at("00:00:00", OLD), at("12:00:00", OLD)))
    bench.take(said("channel.up", at("00:00:00", OLD), channel="voice"))
    bench.take(said("channel.up", at("00:00:00", OLD), channel="chat", source="hub"))
    assert bench.take(said("channel.down", at("10:00:00", OLD), channel="voice")) == [("ACC-1-PHONE", "open")]
    menu = said("ivr.menu_presented", at("10:00:00", OLD), level=1, options=["complaint", "cancellation"])
    assert bench.take(menu) == [("ACC-3-HUMAN", "confirmed")]
    bench.take(*both_beat(at("00:00:00", "2022-10-03"), at("00:01:00", "2022-10-03")))
    assert set(bench.verdicts(OLD)) == {"ACC-1-PHONE", "ACC-3-HUMAN"}


def test_midnight_is_the_sites_own() -> None:
    """23:30 on the 24th in São Paulo is the 25th in UTC; the menu belongs to the 24th."""
    bench = SiteBench()
    bench.take(said("ivr.menu_presented", at("23:30:00"), level=1, options=[]))
    assert set(bench.findings()) == {f"acme/fortaleza:ACC-3:main@{DAY}:{PACK}"}


def test_a_fact_older_than_a_week_is_too_late_and_closed_findings_stay() -> None:
    """Kept are the last words about everything, and no record of an older date is told again."""
    bench = SiteBench()
    bench.take(*opened())
    bench.take(said("channel.down", at("10:00:00"), channel="voice"))
    bench.take(said("channel.down", at("10:00:00"), channel="chat", source="hub"))
    bench.take(said("channel.up", at("10:01:00"), channel="voice"), *AFTERWARDS)
    record, findings = bench.days()[DAY], bench.findings()
    bench.take(*both_beat(at("00:00:00", "2026-12-08"), at("00:01:00", "2026-12-08")))
    late = said("channel.up", at("09:59:00"), channel="voice", delay=14 * 86_400)
    assert bench.take(late) == []
    assert bench.letters == ["too_late"]
    assert instant("2026-12-08T00:01:00") - late.time_ms > KEPT_MS
    bench.restart()
    bench.take(*both_beat(at("00:02:00", "2026-12-08"), at("00:03:00", "2026-12-08")))
    assert (bench.days()[DAY], bench.findings()) == (record, findings)
    assert bench.core.figures(instant("2026-12-08T00:03:00"))[0].channels == {"up": 1, "down": 1, "unknown": 0}


def test_figures_are_of_today() -> None:
    """Channels now, human voice so far, findings that touch today."""
    bench = SiteBench()
    bench.take(*opened())
    bench.take(said("channel.down", at("23:00:00"), channel="voice"))
    bench.take(said("channel.down", at("23:00:00"), channel="chat", source="hub"))
    bench.take(*AFTERWARDS, said("human_voice.open", at("00:01:00", NEXT)))
    [figures] = bench.core.figures(instant(at("00:02:00", NEXT)))
    assert (figures.tenant, figures.site) == ("acme", "fortaleza")
    assert figures.channels == {"up": 0, "down": 2, "unknown": 0}
    assert figures.human_voice_seconds == {"open": 60.0, "closed": 60.0, "unknown": 0.0}
    assert figures.day_breaches == {"ACC-1-PHONE": 0, "ACC-1": 1, "ACC-2": 0, "ACC-3-HUMAN": 0, "ACC-3": 0}


def test_of_two_versions_side_by_side_the_figures_count_the_first() -> None:
    """An outage that both find is one of the day; each finding stands under its own version."""
    bench = SiteBench()
    [rules] = bench.settings.site_rules().values()
    later = changed(rules.packs[0], version="2026.12.0")
    both = {("acme", "fortaleza"): dataclasses.replace(rules, packs=(*rules.packs, later))}
    bench.core = type(bench.core)(0, bench.settings.directory(lambda _key, _count: 0), clock="wall", rules=both)
    bench.take(*opened())
    bench.take(said("channel.down", at("23:00:00"), channel="voice"))
    bench.take(said("channel.down", at("23:00:00"), channel="chat", source="hub"), *AFTERWARDS)
    assert sum(":ACC-1:" in key for key in bench.findings()) == 2
    [figures] = bench.core.figures(instant(at("00:02:00", NEXT)))
    assert figures.day_breaches["ACC-1"] == 1


def test_a_site_without_rules_tells_of_its_sources_alone() -> None:
    """Its days say when they were silent; nothing is judged, and no figure is shown."""
    place = {"tenant": "acme", "site": "fortaleza"}
    settings = held_site()
    bare = SiteBench(settings)
    bare.core = type(bare.core)(0, settings.directory(lambda _key, _count: 0), clock="wall")
    bare.take(*opened(), said("channel.down", at("10:00:00"), channel="voice"), *AFTERWARDS)
    assert bare.core.figures(instant(at("12:00:00"))) == []
    assert (bare.findings(), bare.days()[DAY]["verdicts"], bare.days()[DAY]["channels"]) == ({}, [], {})
    assert {name: bare.days()[DAY][name] for name in place} == place


def test_the_configuration_is_checked() -> None:
    """Each fault by its path."""
    place = {"tenant": "acme", "site": "fortaleza", "channels": ["voice"]}
    good = {**place, "policies": [PACK]}
    found = problems_of(
        edited(
            (
                "availability",
                [
                    {**good, "policies": ["br-cases@2026.11.0", PACK, PACK]},
                    good,
                    {**good, "site": "natal", "policies": ["none@2026.01.0"]},
                    {**good, "channels": []},
                ],
            )
        )
    )
    assert {
        "availability[0].policies[0]",
        "availability[0].policies[2]",
        "availability[1].site",
        "availability[2].site",
        "availability[2].policies[0]",
        "availability[3].channels",
    } == set(found)
    assert sound_document()["sources"][0]["site"] == "fortaleza"


def test_spans() -> None:
    """Touching ones become one; empty ones vanish."""
    assert joined(((0, 2), (5, 7)), (2, 5)) == ((0, 7),)
    assert joined(((0, 2),), (3, 3)) == ((0, 2),)
    assert joined(((10, 20), (30, 40)), (15, 35)) == ((10, 40),)
    assert joined(((10, 20),), (0, 5)) == ((0, 5), (10, 20))
    assert common(((0, 10), (20, 30)), ((5, 25),)) == ((5, 10), (20, 25))
    assert gaps(((2, 3),), (0, 5)) == ((0, 2), (3, 5))
    assert union([((0, 1),), ((1, 2),), ((5, 6),)]) == ((0, 2), (5, 6))
    assert total_ms(((0, 2), (5, 6))) == 3


def fortnight() -> list[Said]:
    """Fourteen dates with nine hours of people on the telephone, heard all the time; then a month of silence."""
    told: list[Said] = []
    for number in range(1, 15):
        day = f"2026-10-{number:02}"
        told += beats(f"{day}T00:00:00", f"{day}T23:00:00", every=3600)
        told += [said("human_voice.closed", f"{day}T00:00:00"), said("human_voice.open", f"{day}T08:00:00")]
        told.append(said("human_voice.closed", f"{day}T17:00:00"))
    return [*sorted(told, key=lambda each: each.time_ms), said("source.heartbeat", "2026-11-14T10:00:00")]


@pytest.mark.parametrize("batch", [1, 50, 1000])
def test_no_date_is_lost_in_a_long_batch_or_before_a_long_silence(batch: int) -> None:
    """More than what is kept is passed over at once: every date has its record all the same, whatever the batches."""
    bench = SiteBench(held_site(silence=3600), "event")
    told = fortnight()
    for first in range(0, len(told), batch):
        bench.take(*told[first : first + batch])
    assert [name for name in sorted(bench.days()) if name <= "2026-10-14"] == [f"2026-10-{n:02}" for n in range(1, 15)]
    assert {bench.verdicts(f"2026-10-{number:02}")["ACC-2"] for number in range(1, 15)} == {"met"}
    assert bench.findings() == {}
