"""Hypothesis strategies for whole histories of visits, small and crowded, so that everything collides with everything.

Few contacts, queues, sources and instants are drawn, waits lie at the limits and a millisecond to either side, and
two plans of one visit give it second offers, several exits and ties. Contacts named ``old-`` are historic: every fact
of theirs reaches Kafka long after its time. Those named ``odd-`` are doubtful: theirs comes later than trust goes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, Final, Literal

from hypothesis import strategies as st

from streams.domain.directory import Directory
from tests.builders import ANA, BIA, Fact, customer
from tests.callback_records import NINE_MS, directory, policy

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
START_MS: Final = NINE_MS + 14 * HOUR_MS + 45 * MINUTE_MS
"""A quarter to midnight at the site: histories run into the next day."""
SPAN_MS: Final = 2 * HOUR_MS
END_MS: Final = START_MS + 6 * HOUR_MS
"""When a history is judged: past every limit, and past all patience but that of vendas."""

CHANNELS: Final = ("voice", "chat", "whatsapp", "email")
QUEUES: Final = (("sac", "voice"), ("vendas", "voice"), ("vendas", "chat"), ("vendas", "whatsapp"), ("avisos", "email"))
SOURCES: Final = ("pbx-1", "pbx-1", "pbx-2")
CUSTOMERS: Final = (None, customer(ANA, "C-1"), customer(ANA), customer(BIA))
"""Whoever is named by an id is named by the address too."""
LIMITS_MS: Final = (0, 5_000, 20_000, 60_000, 62_000)
"""Short abandon, answer target, the limit, the limit with its grace; of every queue of the busy centre."""

Mode = Literal["live", "historic", "mixed"]
Told = tuple[str, dict[str, Any]]
"""Kind and data of an event."""
Moment = tuple[int, Told, str, int, float]
"""Milliseconds after the start of the visit, what happened, source, number of the event, delay in seconds."""
_CONTACTS: Final[dict[str, tuple[str, ...]]] = {
    "live": ("c1", "c2", "c3"),
    "historic": ("old-1", "old-2", "old-3"),
    "mixed": ("c1", "old-1", "odd-1"),
}


def busy_centre(**changes: Any) -> Directory:
    """Queues with the same limits on every channel. In sac and avisos an unfinished contact is given up after ten
    minutes, in vendas not within a history."""
    soon, late = dict.fromkeys(CHANNELS, 10 * MINUTE_MS), dict.fromkeys(CHANNELS, 24 * HOUR_MS)
    return directory(
        policy("sac", unknown_exit_ms=soon, **changes),
        policy("vendas", channels=frozenset({"voice", "chat", "whatsapp"}), unknown_exit_ms=late, **changes),
        policy("avisos", channels=frozenset({"email"}), unknown_exit_ms=soon, callback_queue=None, **changes),
    )


instants = st.one_of(
    st.integers(0, SPAN_MS),
    st.sampled_from([0, 1, 15 * MINUTE_MS - 1, 15 * MINUTE_MS, 15 * MINUTE_MS + 1, HOUR_MS]),
)
waits = st.one_of(
    st.sampled_from([limit + step for limit in LIMITS_MS for step in (-1, 0, 1)]),
    st.integers(-5_000, 200_000),
)
durations = st.sampled_from([None, 0, 0.001, 45.0, 600.5])


def _told(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Data of an event; what is None is left out."""
    drawn = st.fixed_dictionaries(fields)
    return drawn.map(lambda data: {name: value for name, value in data.items() if value is not None})


def _of(kind: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Told]:
    return st.tuples(st.just(kind), _told(**fields))


customers = st.sampled_from(CUSTOMERS)
agents = st.sampled_from(["ana", "rui"])
offers = _of(
    "offered",
    customer=customers,
    priority=st.sampled_from([None, 1, 2]),
    callback_job_id=st.sampled_from([None, None, None, "plan.1"]),
)
_gone = st.one_of(
    _of("abandoned"),
    _of("flowed_out", reason=st.sampled_from(["transfer", "overflow", "timeout", "closed", "key", "unknown"])),
    _of("callback_requested", customer=customers),
)
_connected = _of("answered", agent_id=agents)
_written = _of("message", direction=st.just("out"), author=st.just("agent"), agent_id=agents)
_small_talk = st.sampled_from(
    [("message", {"direction": "in", "author": "customer"}), ("message", {"direction": "out", "author": "bot"})]
)
_after = st.one_of(
    _of("ended", talk_seconds=durations, hold_seconds=durations, completed=st.just(True)),  # nobody is owed a call
    _of("ended", talk_seconds=durations, ended_by=st.just("customer"), completed=st.sampled_from([True, False])),
    _of("wrapped_up", wrap_up_seconds=durations),
)


def _facts_of(channel: str) -> st.SearchStrategy[Told]:
    """Whatever may be told of a visit besides its offer."""
    answer, aside = (_connected, _small_talk) if channel == "voice" else (_written, st.one_of(_small_talk, _connected))
    return st.one_of(answer, answer, _gone, _gone, aside, _after)


def _delays(contact: str) -> st.SearchStrategy[float]:
    """Seconds to Kafka: within the bound of skew, beyond it, or for history more than a quarter of an hour."""
    least, most = {"old": (900_001, 3_600_000), "odd": (120_001, 900_000)}.get(contact[:3], (0, 110_000))
    return st.integers(least, most).map(lambda delay_ms: delay_ms / 1000)


def _plan(queue: str, channel: str, contact: str) -> st.SearchStrategy[list[Fact]]:
    """Facts of one visit; another plan may be of the same."""
    wrapping = (st.sampled_from(SOURCES), st.integers(0, 1), _delays(contact))
    first = st.tuples(st.sampled_from([0, 0, 0, 1]), offers, *wrapping)
    later = st.tuples(waits, _facts_of(channel), *wrapping)
    moments = st.tuples(st.lists(first, max_size=2), st.lists(later, max_size=4))

    def facts(start_ms: int, entry: int | None, moments: tuple[list[Moment], list[Moment]]) -> list[Fact]:
        return [
            Fact(
                kind,
                START_MS + start_ms + wait_ms,
                contact,
                queue,
                channel,
                entry,
                source,
                event_id=f"{kind}-{number}",
                delay=delay,
                data=data,
            )
            for wait_ms, (kind, data), source, number, delay in (*moments[0], *moments[1])
        ]

    return st.builds(facts, instants, st.sampled_from([None, None, 1, 2]), moments)


_PLANS: Final = {
    mode: st.lists(
        st.one_of([_plan(queue, channel, contact) for queue, channel in QUEUES for contact in contacts]),
        min_size=1,
        max_size=6,
    )
    for mode, contacts in _CONTACTS.items()
}


def _identity(fact: Fact) -> tuple[str, str, int, str | None, str]:
    """One CloudEvent has one content: what makes two facts the same fact of a visit."""
    role = "answered" if fact.data.get("author") == "agent" else fact.kind
    return fact.visit_id, role, fact.time_ms, fact.event_id, fact.source


def histories(mode: Mode = "live") -> st.SearchStrategy[list[Fact]]:
    """Facts of a few visits, each event once. Historic ones end with a word from every feed, so that all have heard of
    the end."""

    def facts_of(plans: list[list[Fact]]) -> list[Fact]:
        facts = list({_identity(fact): fact for plan in plans for fact in plan}.values())
        return facts if mode == "live" else facts + last_words()

    return _PLANS[mode].map(facts_of)


def last_words() -> list[Fact]:
    return [
        Fact("wrapped_up", END_MS, "old-last", queue, channel, source=source, delay=1000.0)
        for queue, channel in (("sac", "voice"), ("vendas", "chat"), ("avisos", "email"))
        for source in ("pbx-1", "pbx-2")
    ]


def in_kafka_order(facts: Iterable[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: fact.kafka_ms)


@dataclass(frozen=True)
class Step:
    """A batch of facts, then perhaps a tick so many milliseconds on, a flush, a restart."""

    facts: tuple[Fact, ...]
    tick_after_ms: int | None = None
    flushes: bool = False
    restarts: bool = False


_cuts = st.lists(
    st.tuples(st.integers(1, 12), st.sampled_from([None, 0, 1_000, 30_000, 63_000]), st.booleans(), st.booleans()),
    min_size=1,
    max_size=8,
)


def courses(facts: Sequence[Fact]) -> st.SearchStrategy[list[Step]]:
    """Ways to deliver these facts in this order, cut anywhere; the last cut repeats."""

    def steps_of(cuts: list[tuple[int, int | None, bool, bool]]) -> list[Step]:
        steps, start = [], 0
        for size, tick_after_ms, flushes, restarts in (*cuts, *repeat(cuts[-1], len(facts))):
            if start < len(facts):
                steps.append(Step(tuple(facts[start : start + size]), tick_after_ms, flushes, restarts))
            start += size
        return steps

    return _cuts.map(steps_of)


def disordered(facts: Sequence[Fact]) -> st.SearchStrategy[list[Fact]]:
    """The same facts in any order, some of them more than once."""
    if not facts:
        return st.just([])
    repeats = st.lists(st.tuples(st.sampled_from(facts), st.sampled_from([0.0, 1.0, 600.0])), max_size=4)

    def mixed(order: list[Fact], early: list[Fact], late: list[tuple[Fact, float]]) -> list[Fact]:
        return [*early, *order, *(fact.again(delay=fact.delay + more) for fact, more in late)]

    return st.builds(mixed, st.permutations(facts), st.lists(st.sampled_from(facts), max_size=3), repeats)
