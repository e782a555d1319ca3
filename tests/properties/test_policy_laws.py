"""Laws of limits: engine and recount agree on every instant, and visits under a policy equal their recount."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import yaml
from hypothesis import given, strategies as st
from msgspec.structs import replace as changed

from streams.domain.queue_limits import Start
from streams.domain.recount import Offer, read_events, recount
from streams.domain.recount_limits import Limit
from streams.policy_packs import parse_pack
from streams.recount_terms import limits_of as recount_limits_of
from streams.settings import Settings
from streams.settings_policies import limits_of
from tests.builders import Fact, abandoned, answered, offered
from tests.configuration import parsed, queue
from tests.policy_cases import SAC, instant
from tests.queue_bench import BY_EVENTS, Bench

STATES: Final = [None, "SP", "RJ", "CE", "AC"]
SECTORS: Final = [None, "bank", "card", "telecom", "energy", "health", "retail"]
HOURS: Final = {"mon-fri": "08:00-12:00, 13:00-18:00", "sat": "08:00-12:00"}
EDGES: Final = ["2018-11-04", "2019-02-17", "2021-10-07", "2022-10-03", "2020-06-01", "2022-03-07", "2024-11-20"]


def beside_midnight(day: str, offset_seconds: float) -> datetime:
    """A moment beside the first of a local date, as UTC writes it."""
    return datetime.fromtimestamp(instant(f"{day}T00:00:00") / 1000 + offset_seconds, UTC)


instants = st.one_of(
    st.datetimes(datetime(2007, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - naive bounds
    st.builds(beside_midnight, st.sampled_from(EDGES), st.sampled_from([-0.001, 0.0, 0.001, 3600.0])),
)


def settings_of(*, reading: dict[str, Any] | None = None, **keys: Any) -> Settings:
    """One bank queue under the packaged policy, or under the same with another reading of the calendar."""
    plain = queue("sac", policy=SAC.cited_as, **keys)
    given_keys = {name: value for name, value in plain.items() if value is not None}
    settings = parsed(("queues", [given_keys]), ("callback_queues", []))
    if reading:
        pack = changed(SAC, calendar=changed(SAC.calendar, **reading))
        plain_pack = settings.packs.document(SAC.cited_as) or {}
        document = {**plain_pack, "calendar": {**plain_pack["calendar"], **reading}}
        settings.packs.own[SAC.cited_as] = pack
        settings.packs._documents[SAC.cited_as] = document
    return settings


readings = st.fixed_dictionaries(
    {},
    optional={
        "base": st.sampled_from(["national", "state", "city", "bank"]),
        "fifth_business_day": st.sampled_from(["base", "national", "bank"]),
        "saturday_is_business": st.booleans(),
        "adjacency": st.sampled_from(["calendar", "business"]),
    },
)


@given(
    moment=instants,
    reading=readings,
    sector=st.sampled_from(SECTORS),
    state=st.sampled_from(STATES),
    lead=st.sampled_from([None, -5, 0, 40, 7200]),
    transferred=st.booleans(),
    own=st.sampled_from([None, 30, 7200]),
    counts=st.sampled_from(["calendar_time", "opening_hours"]),
)
def test_engine_and_recount_agree_on_every_limit(  # noqa: PLR0917
    moment: datetime,
    reading: dict[str, Any],
    sector: str | None,
    state: str | None,
    lead: int | None,
    transferred: bool,  # noqa: FBT001
    own: int | None,
    counts: str,
) -> None:
    """Rule, version, limit and what was over at the offer: by two pieces of code that share nothing but the files."""
    keys = {"sector": sector, "state": state, "max_wait_seconds": own, "hours": HOURS, "max_wait_counts": counts}
    settings = settings_of(reading=reading, answer_target_seconds=20, **keys)
    [configured], [site] = settings.queues, settings.sites
    offered_ms = instant(moment.isoformat())
    requested_ms = None if lead is None else offered_ms - lead * 1000
    start = Start(offered_ms, requested_ms, transferred)
    limit, lead_ms = limits_of(configured, site, settings.packs)["voice"].of(start)
    visit = Offer("acme", "fortaleza", "sac", "voice", "c1", 1, offered_ms, requested_ms, transferred)
    expected = recount_limits_of(settings)(visit)
    assert limit is not None
    assert Limit(limit.rule, limit.policy_version, limit.limit_ms, lead_ms) == expected


DAYS: Final = ["2021-10-06", "2021-10-07", "2021-10-31", "2021-11-01", "2020-06-01", "2022-10-03"]


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """A few contacts around midnights on which the limit changes, some offered twice, asked for before, transferred."""
    facts: list[Fact] = []
    for contact in ("c1", "c2", "c3"):
        midnight = instant(f"{draw(st.sampled_from(DAYS))}T00:00:00")
        for _ in range(draw(st.integers(1, 2))):
            told: dict[str, Any] = {}
            at_ms = midnight + draw(st.integers(-60_000, 60_000))
            if draw(st.booleans()):
                asked = datetime.fromtimestamp((at_ms - draw(st.integers(-1000, 70_000))) / 1000, UTC)
                told["requested_at"] = asked.isoformat(timespec="milliseconds")
            if draw(st.booleans()):
                told["transferred_from"] = "sac-triagem"
            facts.append(replace(offered(0, contact=contact, **told), time_ms=at_ms))
        leave = draw(st.sampled_from([answered, abandoned]))
        wait_ms = draw(st.sampled_from([20_000, 44_000, 45_000, 45_001, 60_000, 60_001, 90_000, 90_001]))
        facts.append(replace(leave(0, contact=contact), time_ms=facts[-1].time_ms + wait_ms))
    return facts


@given(histories(), st.randoms(use_true_random=False), st.integers(1, 4))
def test_findings_under_a_policy_equal_a_recount(facts: list[Fact], shuffle: Any, size: int) -> None:
    """In any order, any batches and through restarts: which finding stands, under which rule and limit."""
    settings = settings_of(sector="bank", max_wait_seconds=None)
    places = settings.directory(lambda _key, _count: 0)
    bench = Bench(places, BY_EVENTS)
    newest = (max(fact.time_ms for fact in facts) - offered(0).time_ms) / 1000
    disordered = list(facts)
    shuffle.shuffle(disordered)
    early = min(fact.time_ms for fact in facts)
    for part in (disordered[place : place + size] for place in range(0, len(disordered), size)):
        now = (early - offered(0).time_ms) / 1000
        for fact in part:
            bench.take(fact, now=now)
        bench.restart()
    bench.close(newest)
    limit_of = recount_limits_of(settings)
    counted = recount(read_events(fact.value for fact in facts))
    expected = {
        f"acme/sac/{visit.entry}/{visit.contact_id}:{limit.rule}:{limit.policy_version}": limit.limit_ms
        for visit, limit in counted.judged(limit_of).items()
    }
    told = bench._data_of("sla-breaches")
    standing = {key: round(data["limit_seconds"] * 1000) for key, data in told.items() if data["state"] != "retracted"}
    assert standing == expected
    verdicts = {visit: data["verdict"] for visit, data in bench.outcomes().items()}
    assert {visit for visit, verdict in verdicts.items() if verdict == "breached"} == {
        key.split(":")[0] for key in expected
    }


def test_a_pack_written_out_again_says_the_same() -> None:
    """The engine's value and the plain words that the recount reads are one file."""
    document = settings_of(sector="bank").packs.document(SAC.cited_as)
    assert parse_pack(yaml.safe_dump(dict(document or {}))) == SAC
