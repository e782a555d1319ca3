"""What the kit asks of a vendor: to play a scenario, and to say in advance what its platform cannot tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol

import msgspec

from streams.domain.events import CHANNELS, Channel
from streams.event_lines import event_time_ms
from streams.sources.dictionary import Place, QueueDictionary
from streams.sources.mapping import SourceMapping
from tests.callback_records import NINE_MS, directory, policy
from tests.conformance.delivery import Delivered
from tests.conformance.scenarios import CALLBACK_KEY, Scenario, Step, Told, in_writing
from tests.queue_bench import Bench

Event = dict[str, Any]
Visit = tuple[str, str, int]
"""Caller, queue, entry."""

NINE: Final = NINE_MS // 1000
SOURCE: Final = "pbx-1"
VENDOR_NAME: Final = {"sac": "600", "vendas": "601"}
HOUR: Final = 3600.0
_TOLD_OF_A_VISIT: Final = (
    "reason",
    "transferred_from",
    "ended_by",
    "talk_seconds",
    "completed",
    "callback_job_id",
    "direction",
    "author",
)
_KINDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        **dict.fromkeys(("enters", "goes_on", "called_back"), frozenset({"offered", "message in"})),
        "answered": frozenset({"answered", "message out"}),
        "hangs_up": frozenset({"abandoned"}),
        **dict.fromkeys(("times_out", "overflows", "queue_empties", "withdrawn", "presses"), frozenset({"flowed_out"})),
        "asks_back": frozenset({"callback_requested"}),
        **dict.fromkeys(("caller_ends", "agent_ends", "passed_on"), frozenset({"ended"})),
    }
)
"""What each act is told as."""
_ENDS_A_STAY: Final = frozenset({"abandoned", "flowed_out", "callback_requested", "ended"})


@dataclass(frozen=True)
class Instead:
    """What a platform tells of an act, where that is not what happened. ``told`` is the kind and data of the events
    that come instead, in order; none: nothing is told, and whoever left waits on, for all that anybody knows.
    ``outcome`` is what an unanswered visit counts as then; empty where it counts as it should. ``same_contact``:
    whoever is called back is the contact that asked for it."""

    why: str
    told: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    outcome: str = ""
    same_contact: bool = False


Order = Callable[[list[Any]], list[Any]]
"""The records as they come in: repeated, shuffled."""


def as_they_came(records: list[Any]) -> list[Any]:
    return records


def fed(
    make: Callable[[dict[str, Any] | None], SourceMapping[Any]], records: Iterable[Any], *, restarts: bool
) -> list[Event]:
    """What a mapping makes of records; ``restarts``: before each of them another one goes on from the snapshot."""
    mapping, events = make(None), []
    for record in records:
        if restarts:
            mapping = make(msgspec.json.decode(msgspec.json.encode(mapping.snapshot())))
        events += mapping.feed(record, NINE_MS)
    return events


class Player(Protocol):
    """One vendor."""

    name: str
    channel: Channel
    instead: Mapping[str, Instead]
    """By act, what this platform cannot tell as it was: a closed list."""
    repeats: str
    """Empty where the platform may hand over a record twice; else why it does not."""
    shuffles: str
    """Empty where its records may come in any order; else why they do not."""

    restarts: str
    """Empty where a mapping that goes on from its snapshot after each record says the same; else why it does not."""

    def play(self, scenario: Scenario, order: Order = as_they_came, *, restarts: bool = False) -> list[Event]:
        """The canonical events that its mapping makes, its records fed in this order."""
        ...

    def caller(self, contact_id: str) -> str:
        """Who a contact of the last scenario played is."""
        ...


def dictionary(channel: Channel = "voice", names: Mapping[str, str] = VENDOR_NAME) -> QueueDictionary:
    """``names``: our queues to the vendor's names for them."""
    places = {
        name: Place("acme", "fortaleza", queue, channel, frozenset({CALLBACK_KEY})) for queue, name in names.items()
    }
    return QueueDictionary(SOURCE, places)


def told_of(player: Player, events: Iterable[Event]) -> list[Told]:
    """The contact events in the kit's words, each once."""
    told = []
    for event in {event["id"]: event for event in events if event["type"].startswith("contact.")}.values():
        data, time_ms = event["data"], event_time_ms(event["time"])
        assert time_ms is not None
        extra = {name: data[name] for name in _TOLD_OF_A_VISIT if name in data}
        kind, caller = event["type"].removeprefix("contact."), player.caller(data["contact_id"])
        told.append(Told((time_ms - NINE_MS) // 1000, kind, caller, data["queue"], data["entry"], extra))
    return told


def outcomes(player: Player, events: Sequence[Event], delay: float = 0.5) -> dict[Visit, str]:
    """How the queues core counts them, ``delay`` seconds after they happened by Kafka's clock. Nothing is rejected."""
    given_up = dict.fromkeys(CHANNELS, 4 * 3_600_000)
    queues = [policy(name, channels=frozenset(CHANNELS), unknown_exit_ms=given_up) for name in VENDOR_NAME]
    bench = Bench(directory(*queues, policy("retornos", callback_queue=None)))
    bench.take(*(Delivered(event, delay) for event in events if event["type"].startswith("contact.")))
    bench.close(5 * HOUR)
    assert bench.letters == []
    told = bench.outcomes().values()
    return {(player.caller(each["contact_id"]), each["queue"], each["entry"]): each["outcome"] for each in told}


def form_of(player: Player, scenario: Scenario) -> Scenario:
    """The scenario as the vendor's channel knows it."""
    return scenario if player.channel == "voice" else in_writing(scenario)


def acts_told_otherwise(player: Player, scenario: Scenario) -> list[str]:
    """In the order in which they happen."""
    return list(dict.fromkeys(step.act for step in scenario.steps if step.act in player.instead))


def expected(player: Player, scenario: Scenario) -> tuple[list[Told], dict[Visit, str]]:
    """The events and outcomes that this vendor must make of a scenario: the scenario's own, but for what ``instead``
    says."""
    form = form_of(player, scenario)
    expecting = _Expecting(player, form, dict(form.outcomes))
    for step in form.steps:
        expecting.take(step)
    return expecting.told, expecting.counted


@dataclass
class _Expecting:
    """Who enters a queue that, as far as told, was not left says one more word in the same stay. Who is called back
    without that being told is not heard of again."""

    player: Player
    scenario: Scenario
    counted: dict[Visit, str]
    told: list[Told] = field(default_factory=list)
    lasting: dict[tuple[str, str], int] = field(default_factory=dict)
    entries: Counter[tuple[str, str]] = field(default_factory=Counter)
    answered: set[Visit] = field(default_factory=set)
    known_as: dict[str, str] = field(default_factory=dict)
    unheard: set[str] = field(default_factory=set)

    def take(self, step: Step) -> None:
        instead = self.player.instead.get(step.act)
        if step.act == "restarts":
            self.told += () if instead else self._of_the_restart()
        elif step.act == "called_back" and instead and not instead.told:
            self.unheard.add(step.caller)
            self._does_not_count(step)
        elif step.act in _KINDS and step.caller not in self.unheard:
            if instead and instead.same_contact:
                self.known_as[step.caller] = step.more
            self._of_a_caller(step, instead)

    def _of_a_caller(self, step: Step, instead: Instead | None) -> None:
        stay = self.known_as.get(step.caller, step.caller), step.queue
        own = [each for each in self.scenario.told if _tells(each, step)]
        if instead is not None:
            own = [Told(step.at, kind, *stay, data=data) for kind, data in instead.told]
        if _KINDS[step.act] == _KINDS["enters"]:
            own = self._entered(step, stay, own)
        visit = *stay, self.lasting.get(stay, self.entries[stay])
        if step.act == "answered":
            self.answered.add(visit)
        elif instead and instead.outcome and visit not in self.answered:
            self.counted[visit] = instead.outcome
        self.told += [each._replace(caller=stay[0], entry=visit[2]) for each in own]
        if any(each.kind in _ENDS_A_STAY for each in own):
            self.lasting.pop(stay, None)

    def _entered(self, step: Step, stay: tuple[str, str], own: list[Told]) -> list[Told]:
        outcome = self._does_not_count(step)
        if stay in self.lasting:
            return [each for each in own if each.kind == "message"]
        self.entries[stay] += 1
        self.lasting[stay] = self.entries[stay]
        self.counted[*stay, self.entries[stay]] = outcome
        return own

    def _does_not_count(self, step: Step) -> str:
        """The visit that the scenario has from this step on; its outcome."""
        entry = next(each.entry for each in self.scenario.told if _tells(each, step))
        return self.counted.pop((step.caller, step.queue, entry))

    def _of_the_restart(self) -> list[Told]:
        """What nobody's own step tells."""
        return [each for each in self.scenario.told if not any(_tells(each, step) for step in self.scenario.steps)]


def _tells(told: Told, step: Step) -> bool:
    kind = f"message {told.data['direction']}" if told.kind == "message" else told.kind
    is_of_the_caller = (told.at, told.caller, told.queue) == (step.at, step.caller, step.queue)
    return is_of_the_caller and kind in _KINDS.get(step.act, ())


def is_as_expected(player: Player, scenario: Scenario) -> bool:
    """Event by event, in whatever order those of one instant come; and counted alike."""
    events = player.play(scenario)
    told, counted = expected(player, scenario)
    return in_order(told_of(player, events)) == in_order(told) and outcomes(player, events) == counted


def in_order(told: Iterable[Told]) -> list[Any]:
    return sorted((*each[:5], sorted(each.data.items())) for each in told)
