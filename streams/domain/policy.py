"""Policies as values: what a pack of rules says, as its YAML says it.

A pack is immutable by version; findings cite ``name@version``. Every rule carries its force (``law`` binding norm,
``adv`` reference only, ``self`` self-regulation, ``op`` operational choice) and how sure we are of it (``VP`` read in
the legal text, ``VS`` read in secondary sources, ``M`` from memory, ``U`` uncertain, ``configured`` the tenant's own).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from streams.domain.events import CaseMoment, Channel, DemandType

Force = Literal["law", "adv", "self", "op"]
Confidence = Literal["VP", "VS", "M", "U", "configured"]
CONFIRMED: Final = ("VP", "VS")
"""Only what was read somewhere may be called law."""

RuleId = Annotated[str, Meta(pattern=r"^[A-Z0-9-]{2,40}\Z", description="an id of capitals, digits and -")]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,40}\Z", description="small letters, digits and -")]
Version = Annotated[str, Meta(pattern=r"^\d{4}\.\d{2}\.\d{1,3}\Z", description="a version such as 2026.11.0")]
Text = Annotated[str, Meta(min_length=1, max_length=600, description="a line of text")]
Seconds = Annotated[float, Meta(gt=0, le=31_536_000)]
Count = Annotated[int, Meta(ge=0, le=10_000)]
BusyDay = Literal["monday", "holiday_eve", "holiday_after", "fifth_business_day"]
Setting = Literal["max_wait_seconds"]
Promise = Literal["first_response_seconds", "next_response_seconds", "resolution_seconds"]
"""Keys of the configuration that a tenant promises its own customers by."""
ExceptionKind = Literal["systemic_outage", "atypical_day"]


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Root of everything in a pack: frozen, named keys only, unknown keys refused."""


class Reading(Part, frozen=True, kw_only=True):
    """How a pack reads the words of the law about days, where the law leaves it open."""

    table: Annotated[str, Meta(pattern=r"^[a-z]+@[\d.]+\Z", description="a holiday table such as br@2026.11.0")]
    base: Literal["national", "state", "city", "bank"] = "national"
    fifth_business_day: Literal["base", "national", "bank"] = "base"
    saturday_is_business: bool = False
    adjacency: Literal["calendar", "business"] = "calendar"


class BusyDays(Part, frozen=True, kw_only=True):
    """A higher limit on some days."""

    days: Annotated[tuple[BusyDay, ...], Meta(min_length=1)]
    max_seconds: Seconds


class WaitPeriod(Part, frozen=True, kw_only=True):
    """What a wait rule says from one date to another, both inclusive. Exactly one of ``max_seconds`` and ``setting``
    (the queue's own key) gives the limit."""

    since: date
    until: date | None = None
    force: Force
    confidence: Confidence
    max_seconds: Seconds | None = None
    setting: Setting | None = None
    exceptions: tuple[BusyDays, ...] = ()
    source: Text
    note: Text | None = None


class Suspension(Part, frozen=True, kw_only=True):
    """Dates, both inclusive, on which the limits of a rule are suspended."""

    since: date
    until: date
    end_is_uncertain: bool = False
    """The day after may still belong to it."""
    source: Text


class WaitRule(Part, frozen=True, kw_only=True):
    """A limit of the wait for a person. ``sectors`` empty: every sector. An ``adoptable`` rule may be followed by a
    sector it does not bind, and is ``op`` there."""

    id: RuleId
    title: Text
    sectors: tuple[Name, ...] = ()
    adoptable: bool = False
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1)] = ("voice",)
    when: Literal["any", "transferred"] = "any"
    clock: Literal["requested", "offered"] = "offered"
    """Whether the wait starts when a person was asked for (``requested_at``, where told) or with the offer."""
    periods: Annotated[tuple[WaitPeriod, ...], Meta(min_length=1)]
    suspended: tuple[Suspension, ...] = ()
    released_by: tuple[ExceptionKind, ...] = ()
    """Declared exceptions under which the limit may be exceeded, with evidence."""


class Term(Part, frozen=True, kw_only=True):
    """A length of time in exactly one unit. Calendar and business days leave out the starting day and end with the
    last; hours and minutes run; months and years end on the same day number, or else on the next day. ``setting`` is
    the tenant's own key: without a value there, nothing is due."""

    minutes: Count | None = None
    hours: Count | None = None
    days: Count | None = None
    business_days: Count | None = None
    months: Count | None = None
    years: Count | None = None
    setting: Promise | None = None


class DeadlinePeriod(Part, frozen=True, kw_only=True):
    """What a deadline rule says of what begins from one date to another, both inclusive. ``extended_by`` is how much
    longer the term is, once, for whoever is told within it that it is needed and why; of a month's demands not more
    than ``extensions_at_most_percent`` may be."""

    since: date
    until: date | None = None
    force: Force
    confidence: Confidence
    within: Term
    extended_by: Term | None = None
    extensions_at_most_percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    source: Text
    note: Text | None = None


class DeadlineRule(Part, frozen=True, kw_only=True):
    """Something due after something: ``ends`` must come within the term of ``starts``. A ``keep`` rule is the other way
    round: ``ends`` (a deletion) must not come before the term is over; of a ``never`` rule ``starts`` itself is the
    breach. A rule ``replaces`` a general one for its sectors and demands. With ``any_answer`` an answer that is not
    conclusive ends it too; with ``or_retained`` so does a customer who takes the cancellation back."""

    id: RuleId
    title: Text
    sectors: tuple[Name, ...] = ()
    demands: tuple[DemandType, ...] = ()
    starts: CaseMoment
    ends: CaseMoment | None = None
    kind: Literal["within", "keep", "never"] = "within"
    any_answer: bool = False
    or_retained: bool = False
    calendar: Literal["base", "bank"] = "base"
    replaces: tuple[RuleId, ...] = ()
    periods: Annotated[tuple[DeadlinePeriod, ...], Meta(min_length=1)]


class IndicatorRule(Part, frozen=True, kw_only=True):
    """A monthly figure and what it is held to."""

    id: RuleId
    title: Text
    formula: Literal["INS", "IAb", "ICO"]
    sectors: Annotated[tuple[Name, ...], Meta(min_length=1)]
    since: date
    force: Force
    confidence: Confidence
    at_least_percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    at_most_percent: Annotated[float, Meta(ge=0, le=100)] | None = None
    source: Text
    note: Text | None = None


class ProtocolFormat(Part, frozen=True, kw_only=True):
    """How protocol numbers of a sector are put together."""

    id: RuleId
    sectors: Annotated[tuple[Name, ...], Meta(min_length=1)]
    parts: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Each ``register:6``, ``year:4``, ``date:8`` or ``sequence:9``: what and how many digits."""
    force: Force
    confidence: Confidence
    source: Text


class ServicePeriod(Part, frozen=True, kw_only=True):
    """What an availability rule says from one local date of the site to another, both inclusive. ``at_least_hours`` a
    day is for human voice, ``options`` are what the first menu must offer."""

    since: date
    until: date | None = None
    force: Force
    confidence: Confidence
    at_least_hours: Annotated[float, Meta(gt=0, le=24)] | None = None
    options: tuple[Name, ...] = ()
    source: Text
    note: Text | None = None


class AvailabilityRule(Part, frozen=True, kw_only=True):
    """What a site must offer: ``any_channel`` at every instant (of ``channels``, or of all that the site has),
    ``human_voice`` for some hours of each local date, or some options in every ``first_menu``."""

    id: RuleId
    title: Text
    sectors: tuple[Name, ...] = ()
    measure: Literal["any_channel", "human_voice", "first_menu"]
    channels: tuple[Channel, ...] = ()
    periods: Annotated[tuple[ServicePeriod, ...], Meta(min_length=1)]


class Pack(Part, frozen=True, kw_only=True):
    """A pack of rules under one version. ``zone`` is where its dates are read."""

    policy: Name
    version: Version
    title: Text
    zone: Annotated[str, Meta(min_length=1, max_length=60)]
    calendar: Reading
    waits: tuple[WaitRule, ...] = ()
    deadlines: tuple[DeadlineRule, ...] = ()
    availability: tuple[AvailabilityRule, ...] = ()
    indicators: tuple[IndicatorRule, ...] = ()
    protocols: tuple[ProtocolFormat, ...] = ()

    @property
    def cited_as(self) -> str:
        """How findings name it: ``br-sac@2026.11.0``."""
        return f"{self.policy}@{self.version}"


def leading(packs: Iterable[Pack]) -> frozenset[str]:
    """As findings name them, the packs whose rules figures count: of several versions of one policy that run side by
    side the one listed first. What is tried beside it has findings, and would count everything twice."""
    first: dict[str, str] = {}
    for pack in packs:
        first.setdefault(pack.policy, pack.cited_as)
    return frozenset(first.values())
