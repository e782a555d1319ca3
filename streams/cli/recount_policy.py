"""What another pack of rules would say of the same visits: ``filaviva recount --policy``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from streams import policy_packs
from streams.domain.recount import Recount
from streams.domain.recount_limits import Limit
from streams.errors import ConfigError
from streams.recount_terms import limits_of
from streams.settings import Settings

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
    names = {queue.policy.partition("@")[0] for queue in settings.queues if queue.policy}
    if pack.policy not in names:
        known = ", ".join(sorted(names)) or "none of a queue"
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


def json_what_if(results: Mapping[Place, Both], pack: Mapping[str, Any]) -> dict[str, Any]:
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


def print_what_if(results: Mapping[Place, Both], pack: Mapping[str, Any]) -> None:
    name = f"{pack['policy']}@{pack['version']}"
    table = Table(title=f"\nWaits over the limit, and by {name}", title_justify="left", box=None, padding=(0, 1, 0, 0))
    table.add_column("", overflow="fold", min_width=16)
    for column in ("visits", "over\nnow", "over by\nother", "differ"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in _rows(results):
        table.add_row(*row)
    Console().print(table)


def _rows(results: Mapping[Place, Both]) -> Iterator[tuple[str, ...]]:
    for place, each in results.items():
        figures = (each.visits, each.configured, each.other, each.differing)
        yield ("/".join(place), *(f"{figure:,}" for figure in figures))
