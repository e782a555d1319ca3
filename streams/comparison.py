"""The stream judged by the recount: what the output topics say against what the same events come to in one batch pass.

Both sides are put into the same plain shape, by check and key, so that comparing them is one line and a difference
names itself. Time is kept per topic-partition, so the recount is made of each, as of that partition's own "now".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from streams.domain.directory import CreationPolicy, Directory
from streams.domain.events import INTAKE_OF_CHANNEL
from streams.domain.plans import OPEN_STATES
from streams.domain.recount import Event, Figures, Offer, Plan, Recount, Visit, VisitId, recount
from streams.domain.recount_limits import Limit
from streams.plan_facts import beside_visits
from streams.told import Data, Job, Told
from streams.topics import CALLBACK_PLANS, CONTACT_OUTCOMES, QUEUE_INTERVALS, SLA_BREACHES

OUTCOMES: Final = "outcomes"
QUEUES: Final = "queues"
INTERVALS: Final = "intervals"
FINDINGS: Final = "findings"
PLANS: Final = "plans"
REFUSALS: Final = "refusals"
JOBS: Final = "jobs"
DAY: Final = "day"
RECORDS: Final = "records"
SOUND: Final = "sound"

Facts = dict[str, dict[str, Any]]
"""Check to key to what is said of it. No key and no value holds an address."""
TokenOf = Callable[[str, str], str | None]
"""(tenant, address) to the token that stands for it."""

_COUNTS: Final = (
    "offered",
    "answered",
    "abandoned",
    "short_abandoned",
    "flowed_out",
    "callback_requested",
    "waiting",
)


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison: how many things were compared, and each that differs in words."""

    name: str
    compared: int
    differences: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        return not self.differences


def compare(expected: Facts, told: Facts) -> list[Check]:
    """A check per kind of expected facts, in their order."""
    return [_check(name, facts, told.get(name, {})) for name, facts in expected.items()]


def _check(name: str, expected: Mapping[str, Any], told: Mapping[str, Any]) -> Check:
    keys = dict.fromkeys((*expected, *told))
    differences = (
        f"{key}: recount {expected.get(key, 'nothing')}, stream {told.get(key, 'nothing')}"
        for key in keys
        if key not in expected or key not in told or expected[key] != told[key]
    )
    return Check(name, len(keys), tuple(differences))


# -- what the recount expects -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rules:
    """What the recount goes by: the queues, and how the event clock lags behind the newest event."""

    directory: Directory
    lateness_ms: int
    grace_ms: int
    token_of: TokenOf
    limit_of: Callable[[Offer], Limit]
    """What each visit is held to, by the recount's own reading of the policies."""

    def recount(self, events: Iterable[Event], now_ms: int | None = None) -> Recount:
        queues, sites = self.directory.queues, self.directory.sites
        result = recount(
            events,
            threshold_seconds=lambda *queue: queues[queue].answer_target_ms / 1000,
            short_abandon_seconds=lambda *queue: queues[queue].short_abandon_ms / 1000,
            zone=lambda *site: sites[site],
            now_ms=now_ms,
        )
        return replace(
            result,
            unknown_exit_seconds=lambda visit: queues[visit.tenant, visit.queue].unknown_exit_ms[visit.channel] / 1000,
        )


def expected_facts(
    events: Iterable[Event], rules: Rules, plan_facts: Iterable[Data] = (), *, now_ms: int | None = None
) -> Facts:
    """Everything the topics and the metrics ought to say once ``events`` are applied, in any order.

    ``now_ms`` is the time of every partition under the wall clock; without it each goes by its own events.
    ``plan_facts`` are those of ``Told``: attempts, expiries and commands are no matter of contact events.
    """
    everything = list(events)
    facts: Facts = {name: {} for name in (OUTCOMES, QUEUES, INTERVALS, FINDINGS, PLANS, REFUSALS, DAY)}
    for part in parts_of(everything, rules.directory):
        as_of_ms = max(event.time_ms for event in part) - rules.lateness_ms if now_ms is None else now_ms
        counted = rules.recount(part, as_of_ms)
        facts[OUTCOMES] |= _expected_outcomes(counted)
        facts[QUEUES] |= {"/".join(key): _expected_counts(each) for key, each in counted.figures("queue").items()}
        facts[INTERVALS] |= _expected_intervals(counted)
        facts[FINDINGS] |= _expected_findings(counted, rules, as_of_ms)
        facts[REFUSALS] |= _expected_refusals(counted, rules)
        facts[DAY] |= _expected_day(counted)
    facts[PLANS] = _expected_plans(everything, rules, plan_facts)
    facts[RECORDS] = {"told differently under one revision": [], "dead letters": 0}
    return facts


def parts_of(events: Iterable[Event], directory: Directory) -> list[list[Event]]:
    """The events of each topic-partition."""
    parts: dict[tuple[str, int], list[Event]] = {}
    for event in events:
        partition = directory.partition(f"{event.visit.tenant}/{event.visit.queue}")
        parts.setdefault((INTAKE_OF_CHANNEL[event.channel], partition), []).append(event)
    return list(parts.values())


def _visit_id(visit: VisitId) -> str:
    return f"{visit.tenant}/{visit.queue}/{visit.entry}/{visit.contact_id}"


def _expected_outcomes(counted: Recount) -> dict[str, Any]:
    visits = {visit.visit_id: visit for visit in counted.visits}
    return {
        _visit_id(visit_id): (outcome, *_durations(visits.get(visit_id)))
        for visit_id, outcome in counted.outcomes().items()
    }


def _durations(visit: Visit | None) -> tuple[float | None, ...]:
    if visit is None:
        return None, None, None, None
    return visit.wait_ms / 1000, visit.talk_seconds, visit.hold_seconds, visit.wrap_up_seconds


def _expected_counts(figures: Figures) -> dict[str, Any]:
    return {
        **{name: getattr(figures, name) for name in _COUNTS},
        "outcomes": dict(figures.outcomes),
        "service_level": {name: tuple(parts) for name, parts in figures.service_level_parts.items()},
        "wait_seconds": tuple(
            round((waits.mean_seconds or 0.0) * visits, 3)
            for waits, visits in (
                (figures.wait_answered, figures.answered),
                (figures.wait_abandoned, figures.abandoned),
            )
        ),
    }


def _expected_intervals(counted: Recount) -> dict[str, Any]:
    return {
        "/".join((*queue, _utc(start))): _expected_counts(figures)
        for (*queue, start), figures in counted.figures(("queue", "interval")).items()
    }


def _expected_findings(counted: Recount, rules: Rules, now_ms: int) -> dict[str, tuple[str, float]]:
    """By finding id its state and limit: confirmed by the exit; open while there is none and the grace is over."""
    left = {visit.visit_id for visit in counted.visits}
    over = counted.judged(rules.limit_of, now_ms=now_ms - rules.grace_ms)
    return {
        f"{_visit_id(visit)}:{limit.rule}:{limit.policy_version}": (
            "confirmed" if visit in left else "open",
            (limit.limit_ms or 0) / 1000,
        )
        for visit, limit in over.items()
    }


def _expected_day(counted: Recount) -> dict[str, Any]:
    """Of each queue the outcomes of its last local day."""
    days = counted.figures(("queue", "day"))
    last = {tuple(queue): figures for (*queue, _), figures in days.items()}
    return {"/".join(queue): dict(figures.outcomes) for queue, figures in last.items()}


def _calling(rules: Rules) -> dict[str, Any]:
    """Whom the queues call back, as the recount asks for it."""
    queues = rules.directory.queues
    return {
        "queues": {place for place, policy in queues.items() if policy.callback_queue is not None},
        "short_too": {place for place, policy in queues.items() if policy.creation.short_abandons},
        "is_wanted": lambda visit: _is_wanted(visit, queues[visit.tenant, visit.queue].creation),
    }


def _expected_refusals(counted: Recount, rules: Rules) -> dict[str, str]:
    return {_visit_id(visit): why for visit, why in counted.callback_refusals(**_calling(rules)).items()}


def plans_expected(events: Sequence[Event], rules: Rules, plan_facts: Iterable[Data]) -> list[Plan]:
    """The recount's callback plans; ``plan_facts`` as for ``expected_facts``."""
    addresses = {
        (event.visit.tenant, rules.token_of(event.visit.tenant, event.details.address)): event.details.address
        for event in events
        if event.details.address is not None
    }
    beside = beside_visits(
        plan_facts,
        lambda tenant, token: addresses.get((tenant, token)),
        lambda tenant, queue: rules.directory.callbacks(tenant, queue).attempts,
    )
    return rules.recount(events).callback_reasons(beside=beside, **_calling(rules))


def _expected_plans(events: Sequence[Event], rules: Rules, plan_facts: Iterable[Data]) -> dict[str, str]:
    return {
        _plan_key(rules.token_of(plan.tenant, plan.address), (_visit_id(visit) for visit in plan.reasons)): (
            _plan_words(plan.opened_ms, plan.ended_ms)
        )
        for plan in plans_expected(events, rules, plan_facts)
    }


def _is_wanted(visit: Visit, creation: CreationPolicy) -> bool:
    """Whether the queue calls back because of this abandon or request."""
    if creation.channels is not None and visit.channel not in creation.channels:
        return False
    if visit.exit_kind == "callback_requested":
        return creation.requests
    is_excluded = visit.offer_reason in creation.excluded_reasons
    return creation.abandons and visit.wait_ms >= creation.minimum_wait_ms and not is_excluded


def _plan_words(opened_ms: int, ended_ms: int | None) -> str:
    return f"{'open' if ended_ms is None else f'ended at {ended_ms}'} since {opened_ms}"


def _plan_key(token: str | None, reasons: Iterable[str]) -> str:
    return f"{token} for {' and '.join(sorted(reasons))}"


# -- what the topics say ----------------------------------------------------------------------------------------------


def told_facts(told: Told, rules: Rules) -> Facts:
    """The same of what was read back; intervals and plans that came to nothing say nothing."""
    intervals = [each for each in told.newest[QUEUE_INTERVALS].values() if each["offered"]]
    findings = [
        each for each in told.newest[SLA_BREACHES].values() if each["state"] != "retracted" and "visit_id" in each
    ]
    return {
        OUTCOMES: {visit: _told_outcome(each) for visit, each in told.newest[CONTACT_OUTCOMES].items()},
        QUEUES: _told_queues(intervals),
        INTERVALS: {
            "/".join((*_queue_of(each), _utc(each["interval_start"]))): sum_of_intervals([each]) for each in intervals
        },
        FINDINGS: {each["finding_id"]: (each["state"], each["limit_seconds"]) for each in findings},
        PLANS: {
            _plan_key(each["token"], each["reasons"]): _plan_words(
                _milliseconds(each["opened_at"]), each["ended_at"] and _milliseconds(each["ended_at"])
            )
            for each in told.newest[CALLBACK_PLANS].values()
            if each["reasons"]
        },
        REFUSALS: {
            visit: each["callback_refused"]
            for visit, each in told.newest[CONTACT_OUTCOMES].items()
            if "callback_refused" in each
        },
        RECORDS: {"told differently under one revision": told.contradictions, "dead letters": told.dead_letters},
        JOBS: {plan_id: _soundness(jobs, plan_id, rules, told) for plan_id, jobs in told.jobs.items()},
    }


def expected_jobs(told: Told) -> dict[str, str]:
    """Every plan that was ever offered for dialling is sound; see ``_soundness``."""
    return dict.fromkeys(told.jobs, SOUND)


def _soundness(jobs: list[Job], plan_id: str, rules: Rules, told: Told) -> str:
    """Each attempt was dialled at most once, one after the other, cancelled at most once and after that, at the number
    that the plan belongs to, and not within the lateness bound; no job is out of a plan that has ended without it."""
    plan = told.newest[CALLBACK_PLANS].get(plan_id)
    if plan is None:
        return "of no plan"
    if any(job.address and rules.token_of(plan["tenant"], job.address) != plan["token"] for job in jobs):
        return "dialled to somebody else"
    if _is_too_soon(jobs, plan, rules.lateness_ms):
        return f"dialled within the lateness bound after {plan['opened_at']}: {[job.not_before for job in jobs]}"
    dialled: list[int] = []
    cancelled: set[int] = set()
    for job in jobs:
        if job.kind == "dial" and job.attempt > max(dialled, default=0):
            dialled.append(job.attempt)
        elif job.kind == "cancel" and job.attempt in dialled and job.attempt not in cancelled:
            cancelled.add(job.attempt)
        else:
            return f"not one after the other: {jobs}"
    is_out = dialled[-1] > plan["attempts_made"] and dialled[-1] not in cancelled
    if is_out and plan["state"] not in OPEN_STATES:
        return f"{plan['state']}, and a job is out: {jobs}"
    return SOUND


def _is_too_soon(jobs: list[Job], plan: Data, lateness_ms: int) -> bool:
    """Judged while the plan still rests on the visit that opened it, whose loss can only turn out to be earlier."""
    opener = plan["plan_id"].partition(".")[2]
    if not plan["reasons"] or not sha256(plan["reasons"][0].encode()).hexdigest().startswith(opener):
        return False
    first_ms = _milliseconds(plan["opened_at"]) + lateness_ms
    return any(job.not_before is not None and _milliseconds(job.not_before) < first_ms for job in jobs)


def _queue_of(data: Mapping[str, str]) -> tuple[str, str, str]:
    return data["tenant"], data["queue"], data["channel"]


def _told_outcome(data: Mapping[str, Any]) -> tuple[Any, ...]:
    durations = ("wait_seconds", "talk_seconds", "hold_seconds", "wrap_up_seconds")
    return (data["outcome"], *(data.get(name) for name in durations))


def _told_queues(intervals: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    queues: dict[str, list[Mapping[str, Any]]] = {}
    for each in intervals:
        queues.setdefault("/".join(_queue_of(each)), []).append(each)
    return {queue: sum_of_intervals(of_queue) for queue, of_queue in queues.items()}


def sum_of_intervals(intervals: list[Mapping[str, Any]]) -> dict[str, Any]:
    """The counts of some interval records added up; all zero of none."""
    outcomes: Counter[str] = Counter()
    met: Counter[str] = Counter()
    base: Counter[str] = Counter()
    for each in intervals:
        outcomes.update(each["outcomes"])
        met.update({name: share[0] for name, share in each["service_level"].items()})
        base.update({name: share[1] for name, share in each["service_level"].items()})
    return {
        **{name: sum(each[name] for each in intervals) for name in _COUNTS},
        "outcomes": dict(outcomes),
        "service_level": {name: (met[name], base[name]) for name in met},
        "wait_seconds": tuple(
            round(sum(each[f"wait_{kind}_seconds_sum"] for each in intervals), 3) for kind in ("answered", "abandoned")
        ),
    }


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)


def _utc(time: str) -> str:
    """One spelling for an interval's start, whatever its offset."""
    return str(_milliseconds(time) // 1000)
