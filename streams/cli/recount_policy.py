"""What another pack of rules would say of the same visits and cases: ``filaviva recount --policy``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from streams import policy_packs
from streams.cli.recount_topics import RawRecord
from streams.domain.recount import Recount
from streams.domain.recount_cases import Judged, Moment, case_duties_of, moment
from streams.domain.recount_events import Unfit, opened
from streams.domain.recount_limits import Limit
from streams.errors import ConfigError
from streams.recount_terms import case_terms_of, limits_of
from streams.settings import Settings

MISSED: Final = ("open", "confirmed")
Place = tuple[str, str, str]
"""Tenant, queue and channel."""


@dataclass(frozen=True, slots=True)
class Both:
    """Visits of one queue and channel: how many are over their limit by the configured policies, by the other pack, and
    of which the two verdicts differ. ``rules`` are the findings by rule and policy version, of both."""

    visits: int
    configured: int
    other: int
    differing: int
    rules: Mapping[str, int]


def other_pack(path: Path, settings: Settings) -> Mapping[str, Any]:
    """The plain words of a pack file. Ends the command where it is none, or stands in for nothing."""
    try:
        text = path.read_text(encoding="utf-8")
        pack = policy_packs.parse_pack(text)
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--policy {path}: {error}") from None
    except ConfigError as error:
        problems = "\n".join(f"{where}: {expected}" for where, expected in error.problems)
        raise click.UsageError(f"--policy {path}:\n{problems}") from None
    names = {queue.policy.partition("@")[0] for queue in settings.queues if queue.policy} | _policies_of_cases(settings)
    if pack.policy not in names:
        known = ", ".join(sorted(names)) or "there is none"
        raise click.UsageError(f"--policy {path}: expected another version of a configured policy ({known})")
    return policy_packs.plain(text)


def side_by_side(counted: Recount, settings: Settings, pack: Mapping[str, Any]) -> dict[Place, Both]:
    """Finished visits, judged twice."""
    configured, other = limits_of(settings), limits_of(settings, instead=pack)
    places: dict[Place, list[tuple[Limit, Limit, int]]] = {}
    for visit in counted.visits:
        place = (visit.tenant, visit.queue, visit.channel)
        places.setdefault(place, []).append((configured(visit), other(visit), visit.wait_ms))
    return {place: _both(judged) for place, judged in sorted(places.items())}


def _both(judged: list[tuple[Limit, Limit, int]]) -> Both:
    verdicts = [(one.is_over(wait_ms), other.is_over(wait_ms)) for one, other, wait_ms in judged]
    rules: Counter[str] = Counter()
    for one, other, wait_ms in judged:
        rules.update(f"{limit.rule} {limit.policy_version}" for limit in {one, other} if limit.is_over(wait_ms))
    return Both(
        visits=len(judged),
        configured=sum(one for one, _ in verdicts),
        other=sum(other for _, other in verdicts),
        differing=sum(one != other for one, other in verdicts),
        rules=dict(sorted(rules.items())),
    )


@dataclass(slots=True)
class CasesAside:
    """Takes the case events out of a stream of records, so that all is read once."""

    moments: list[Moment] = field(default_factory=list)

    def taken_out_of(self, records: Iterable[RawRecord]) -> Iterator[RawRecord]:
        """The other records; what is no case event that can be read is among them, to be counted as skipped."""
        for headers, value in records:
            try:
                self.moments.append(moment(*opened(headers, value)))
            except Unfit:
                yield headers, value


@dataclass(frozen=True, slots=True)
class BothOfCases:
    """Deadlines of one tenant's cases as of the newest case event: how many are past their strict date or not met by
    the configured policies, by the other pack, and of which the two differ. ``rules`` as above."""

    deadlines: int
    configured: int
    other: int
    differing: int
    rules: Mapping[str, int]


def is_of_cases(pack: Mapping[str, Any], settings: Settings) -> bool:
    """Whether the pack stands in for a policy that cases are held to."""
    return pack["policy"] in _policies_of_cases(settings)


def _policies_of_cases(settings: Settings) -> set[str]:
    return {name.partition("@")[0] for cases in settings.cases for name in cases.policies}


def cases_side_by_side(
    moments: Sequence[Moment], settings: Settings, pack: Mapping[str, Any]
) -> dict[str, BothOfCases]:
    """By tenant, every deadline judged twice."""
    now_ms = max((each.time_ms for each in moments), default=0)
    configured = case_duties_of(moments, case_terms_of(settings), now_ms=now_ms)
    other = case_duties_of(moments, case_terms_of(settings, instead=pack), now_ms=now_ms)
    tenants = sorted({key.partition("/")[0] for key in (*configured, *other)})
    return {tenant: _both_of_cases(_of(tenant, configured), _of(tenant, other)) for tenant in tenants}


def _of(tenant: str, judged: Mapping[str, Judged]) -> dict[str, Judged]:
    return {key: each for key, each in judged.items() if key.startswith(f"{tenant}/")}


def _both_of_cases(configured: Mapping[str, Judged], other: Mapping[str, Judged]) -> BothOfCases:
    """A deadline is the same in both where case, rule and beginning are."""
    missed, missed_by_other = (
        {key for key, each in side.items() if each.state in MISSED} for side in (configured, other)
    )
    one, another = ({_without_version(key) for key in keys} for keys in (missed, missed_by_other))
    rules = Counter(f"{key.split(':')[-3]} {key.rpartition(':')[2]}" for key in missed | missed_by_other)
    return BothOfCases(
        deadlines=len({_without_version(key) for key in (*configured, *other)}),
        configured=len(one),
        other=len(another),
        differing=len(one ^ another),
        rules=dict(sorted(rules.items())),
    )


def _without_version(key: str) -> str:
    """With the policy's name, without its version."""
    return key.rpartition("@")[0]


def json_what_if(
    results: Mapping[Place, Both], of_cases: Mapping[str, BothOfCases], pack: Mapping[str, Any]
) -> dict[str, Any]:
    """Both sections; that of cases only where the pack is of cases."""
    cases = {
        tenant: {
            "deadlines": each.deadlines,
            "missed": each.configured,
            "missed_by_other": each.other,
            "differing": each.differing,
            "findings": dict(each.rules),
        }
        for tenant, each in of_cases.items()
    }
    return _json_of_waits(results, pack) | ({"cases": cases} if cases else {})


def _json_of_waits(results: Mapping[Place, Both], pack: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "other": f"{pack['policy']}@{pack['version']}",
        "queues": {
            "/".join(place): {
                "visits": each.visits,
                "over_limit": each.configured,
                "over_limit_by_other": each.other,
                "differing": each.differing,
                "findings": dict(each.rules),
            }
            for place, each in results.items()
        },
    }


def print_what_if(results: Mapping[Place, Both], of_cases: Mapping[str, BothOfCases], pack: Mapping[str, Any]) -> None:
    name = f"{pack['policy']}@{pack['version']}"
    console = Console(highlight=False)
    if results:
        console.print(f"\nWaits over the limit, and by {name}", soft_wrap=True)
        waits = _table("visits", "over")
        for row in _rows(results):
            waits.add_row(*row)
        console.print(waits)
    if of_cases:
        console.print(f"\nDeadlines missed, and by {name}", soft_wrap=True)
        cases = _table("deadlines", "missed")
        for tenant, each in of_cases.items():
            figures = (each.deadlines, each.configured, each.other, each.differing)
            cases.add_row(tenant, *(f"{figure:,}" for figure in figures))
        console.print(cases)


def _table(what: str, judged: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    table.add_column("", overflow="fold", min_width=16)
    for column in (what, f"{judged}\nnow", f"{judged} by\nother", "differ"):
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _rows(results: Mapping[Place, Both]) -> Iterator[tuple[str, ...]]:
    for place, each in results.items():
        figures = (each.visits, each.configured, each.other, each.differing)
        yield ("/".join(place), *(f"{figure:,}" for figure in figures))
