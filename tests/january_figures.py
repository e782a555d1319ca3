"""The figures of one January from each of its tellers, in one shape, and what differs between two of them.

A table is group to figure name to value; groups are `all`, `queue ps`, `day 1999-01-03`. Every teller's figures are
worked out here from what it says of single visits or buckets, never from a ratio the service has computed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from streams.domain.recount import Figures, Recount
from tests.january import SHORT_ABANDON_SECONDS

THRESHOLDS_SECONDS = (20, 45, 60, 90)
FORMULAS_OF_REFERENCE = {
    "answered_of_offered": "f3",
    "excluding_short_abandons": "f6_short5",
    "excluding_abandons_in_target": "f4",
    "abandons_in_target_count_as_met": "f1",
    "short_abandons_count_as_met": "f5_short5",
    "answered_only": "f2",
    "amazon_sl_x": "f1",
}
"""The last one is the fourth where nobody flows out or asks for a callback."""
MEAN_TOLERANCE_SECONDS = 0.1
REFERENCE_DECIMALS = 6

OfGroup: TypeAlias = dict[str, float | None]
Table: TypeAlias = dict[str, OfGroup]


def formula_name(formula: str, threshold_seconds: int) -> str:
    return f"{formula} at {threshold_seconds} s"


# -- the batch truth ---------------------------------------------------------------------------------------------------


def of_reference(reference: Mapping[str, Any]) -> Table:
    """What the truth says: everything of `all` and the queues, less of the days."""
    table = {"all": _of_reference_group(reference["all"])}
    table |= {f"queue {name.lower()}": _of_reference_group(group) for name, group in reference["by_queue"].items()}
    for day, group in reference["by_day"].items():
        table[f"day {day}"] = {
            **{name: group[name] for name in ("offered", "answered", "abandoned")},
            "longest wait": group["longest_wait"],
            "mean wait answered": group["mean_wait_answered"],
            formula_name("answered_of_offered", 20): group["sl20_f3"],
        }
    return table


def _of_reference_group(group: Mapping[str, Any]) -> OfGroup:
    found: OfGroup = {name: group[name] for name in ("offered", "answered", "abandoned")}
    found["longest wait"] = group["longest_wait"]["seconds"]
    for kind in ("answered", "abandoned"):
        waits = group[f"wait_{kind}"]
        found[f"median wait {kind}"] = waits["median_nearest_rank"]
        found[f"p90 wait {kind}"] = waits["p90_nearest_rank"]
        found[f"mean wait {kind}"] = waits["mean"]
    for seconds in THRESHOLDS_SECONDS:
        inclusive = group["service_level"][str(seconds)]["inclusive"]
        for formula, name in FORMULAS_OF_REFERENCE.items():
            found[formula_name(formula, seconds)] = inclusive[name]
    return found


# -- contact-outcomes --------------------------------------------------------------------------------------------------


def of_outcomes(outcomes: Iterable[Mapping[str, Any]]) -> Table:
    """From one record per visit. Each must be answered or abandoned: nothing else happens in this data."""
    waits: dict[str, dict[str, list[float]]] = defaultdict(lambda: {"answered": [], "abandoned": []})
    for outcome in outcomes:
        kind = outcome["outcome"].split("_")[0]
        for group in ("all", f"queue {outcome['queue']}", f"day {outcome['date']}"):
            waits[group][kind].append(outcome["wait_seconds"])
    return {group: _of_waits(sorted(kinds["answered"]), sorted(kinds["abandoned"])) for group, kinds in waits.items()}


def _of_waits(answered: list[float], abandoned: list[float]) -> OfGroup:
    found = _counted(len(answered), len(abandoned))
    found["longest wait"] = max(answered + abandoned)
    for kind, waits in (("answered", answered), ("abandoned", abandoned)):
        found[f"median wait {kind}"] = _nearest_rank(waits, 50)
        found[f"p90 wait {kind}"] = _nearest_rank(waits, 90)
        found[f"mean wait {kind}"] = sum(waits) / len(waits) if waits else None
    short = sum(wait <= SHORT_ABANDON_SECONDS for wait in abandoned)
    for seconds in THRESHOLDS_SECONDS:
        answered_within = sum(wait <= seconds for wait in answered)
        abandoned_within = sum(wait <= seconds for wait in abandoned)
        found |= _formulas(len(answered), len(abandoned), short, (answered_within, abandoned_within), seconds)
    return found


def _nearest_rank(ordered: list[float], percent: int) -> float | None:
    return ordered[-(-percent * len(ordered) // 100) - 1] if ordered else None


# -- queue-intervals ---------------------------------------------------------------------------------------------------


def of_intervals(intervals: Iterable[Mapping[str, Any]]) -> Table:
    """From exact counts of quarters of an hour; medians, percentiles and the longest wait are not in them."""
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for interval in intervals:
        for group in ("all", f"queue {interval['queue']}", f"day {interval['date']}"):
            sums[group].update(dict(_summands(interval)))
    return {group: _of_sums(summed) for group, summed in sums.items()}


def _summands(interval: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name in ("offered", "answered", "abandoned", "wait_answered_seconds_sum", "wait_abandoned_seconds_sum"):
        yield name, interval[name]
    for kind in ("answered", "abandoned"):
        for edge in (SHORT_ABANDON_SECONDS, *THRESHOLDS_SECONDS):
            buckets = interval["wait_edges_seconds"].index(edge) + 1
            yield f"{kind} within {edge}", sum(interval[f"{kind}_by_wait"][:buckets])


def _of_sums(summed: Counter[str]) -> OfGroup:
    answered, abandoned = summed["answered"], summed["abandoned"]
    found = _counted(answered, abandoned)
    found["offered"] = summed["offered"]
    for kind in ("answered", "abandoned"):
        found[f"mean wait {kind}"] = summed[f"wait_{kind}_seconds_sum"] / summed[kind] if summed[kind] else None
    short = summed[f"abandoned within {SHORT_ABANDON_SECONDS}"]
    for seconds in THRESHOLDS_SECONDS:
        within = summed[f"answered within {seconds}"], summed[f"abandoned within {seconds}"]
        found |= _formulas(answered, abandoned, short, within, seconds)
    return found


# -- the recount -------------------------------------------------------------------------------------------------------


def of_recounts(recounts: Mapping[int, Recount]) -> Table:
    """From the same recount at each threshold."""
    table: Table = defaultdict(dict)
    for seconds, recount in recounts.items():
        groups = {"all": recount.figures()[()]}
        groups |= {f"queue {queue}": figures for (_, queue, _), figures in recount.figures("queue").items()}
        groups |= {f"day {day}": figures for (day,), figures in recount.figures("day").items()}
        for group, figures in groups.items():
            table[group] |= _of_recount_group(figures, seconds)
    return dict(table)


def _of_recount_group(figures: Figures, threshold_seconds: int) -> OfGroup:
    found = _counted(figures.answered, figures.abandoned)
    found["offered"] = figures.offered
    found["longest wait"] = figures.longest_wait_seconds
    for kind, waits in (("answered", figures.wait_answered), ("abandoned", figures.wait_abandoned)):
        found[f"median wait {kind}"] = waits.median_seconds
        found[f"p90 wait {kind}"] = waits.p90_seconds
        found[f"mean wait {kind}"] = waits.mean_seconds
    shares = figures.service_level.items()
    return found | {formula_name(formula, threshold_seconds): share for formula, share in shares}


def of_recount_command(report: Mapping[str, Any]) -> Table:
    """From what `filaviva recount --json` prints, at the threshold of the configuration."""
    groups = {"all": report["all"]}
    groups |= {f"queue {name.split('/')[1]}": figures for name, figures in report["queues"].items()}
    return {group: _of_report_group(figures) for group, figures in groups.items()}


def _of_report_group(figures: Mapping[str, Any]) -> OfGroup:
    found: OfGroup = {name: figures[name] for name in ("offered", "answered", "abandoned")}
    found["longest wait"] = figures["longest_wait_seconds"]
    for kind in ("answered", "abandoned"):
        for figure in ("median", "p90", "mean"):
            found[f"{figure} wait {kind}"] = figures[f"wait_{kind}"][f"{figure}_seconds"]
    shares = figures["service_level"].items()
    return found | {formula_name(formula, THRESHOLDS_SECONDS[0]): share for formula, share in shares}


# -- what all share ----------------------------------------------------------------------------------------------------


def _counted(answered: int, abandoned: int) -> OfGroup:
    return {"offered": answered + abandoned, "answered": answered, "abandoned": abandoned}


def _formulas(answered: int, abandoned: int, short: int, within: tuple[int, int], threshold_seconds: int) -> OfGroup:
    """Every named formula; ``within`` are the visits answered and abandoned within the threshold."""
    answered_within, abandoned_within = within
    offered = answered + abandoned
    parts = {
        "answered_of_offered": (answered_within, offered),
        "excluding_short_abandons": (answered_within, offered - short),
        "excluding_abandons_in_target": (answered_within, offered - abandoned_within),
        "abandons_in_target_count_as_met": (answered_within + abandoned_within, offered),
        "short_abandons_count_as_met": (answered_within + short, offered),
        "answered_only": (answered_within, answered),
        "amazon_sl_x": (answered_within + abandoned_within, offered),
    }
    return {formula_name(name, threshold_seconds): met / base if base else None for name, (met, base) in parts.items()}


def differences(expected: Table, found: Table) -> Iterator[str]:
    """Where a teller differs from the truth in a figure that both know; a group that only one knows is a difference.

    Means may be 0.1 s apart, shares must agree in the truth's six decimals, everything else must be equal.
    """
    for group in sorted(expected.keys() ^ found.keys()):
        yield f"{group}: told by only one"
    for group in sorted(expected.keys() & found.keys()):
        for figure in expected[group].keys() & found[group].keys():
            wanted, told = expected[group][figure], found[group][figure]
            if not _is_equal(figure, wanted, told):
                yield f"{group}: {figure} is {told}, expected {wanted}"


def compared(expected: Table, found: Table) -> int:
    """How many figures both know."""
    return sum(len(expected[group].keys() & found[group].keys()) for group in expected.keys() & found.keys())


def _is_equal(figure: str, wanted: float | None, told: float | None) -> bool:
    if wanted is None or told is None:
        return wanted is told
    if figure.startswith("mean"):
        return abs(wanted - told) <= MEAN_TOLERANCE_SECONDS
    if " at " in figure:
        return round(wanted, REFERENCE_DECIMALS) == round(told, REFERENCE_DECIMALS)
    return wanted == told


def printed(tables: Mapping[str, Table], group: str = "all") -> str:
    """One group side by side, a column per teller; a dash where a teller does not know."""
    names = list(next(iter(tables.values()))[group])
    lines = [f"{'':44}" + "".join(f"{teller:>12}" for teller in tables)]
    for name in names:
        cells = (_cell(name, table[group].get(name)) for table in tables.values())
        lines.append(f"{name:44}" + "".join(f"{cell:>12}" for cell in cells))
    return "\n".join(lines)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if " at " in name:
        return f"{value:.{REFERENCE_DECIMALS}f}"
    return f"{value:,.2f}" if name.startswith("mean") else f"{value:,.0f}"
