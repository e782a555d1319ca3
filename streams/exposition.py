"""The text formats of Prometheus, written from numbers: the same bytes as its client library, a tenth of the work.

The library escapes, checks and sorts the labels of every sample of every page anew. A worker shows the same series page
after page, so here the text before each value is kept. Names, kinds and help come from the catalogue, and what format a
scraper is given is still decided by the library.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import accumulate
from typing import Final, NamedTuple

from prometheus_client.exposition import choose_encoder
from prometheus_client.utils import floatToGoString

from streams.domain.figures import Histogram
from streams.metric_names import Kind, MetricName

Values = tuple[str, ...]
"""Label values, in the order in which the metric declares its labels."""
EDGE_LABEL: Final = "le"
EVERYTHING: Final = "+Inf"
_SHORT_INTEGERS: Final = range(1_000_000)
"""Integers that Prometheus writes without an exponent."""


class Family(NamedTuple):
    """One metric and its series: ``points``, or ``histograms`` where that is its kind."""

    metric: MetricName
    points: Iterable[tuple[Values, float]] = ()
    histograms: Iterable[tuple[Values, Histogram]] = ()


def write_page(families: Iterable[Family], accept_header: str) -> tuple[bytes, str]:
    """The page in the format the scraper asks for, and its content type."""
    _, content_type = choose_encoder(accept_header)
    is_openmetrics = content_type.startswith("application/openmetrics-text")
    parts = [_family_text(family, is_openmetrics=is_openmetrics) for family in families]
    if is_openmetrics:
        parts.append(b"# EOF\n")
    return b"".join(parts), content_type


def number_text(value: float) -> str:
    """A value as Prometheus writes it: ``3.0``, ``1e+06``."""
    if isinstance(value, int) and value in _SHORT_INTEGERS:
        return f"{value:d}.0"
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]  # the client gives it no types
    return text


@cache
def edge_labels(edges_seconds: tuple[float, ...]) -> Values:
    """The values of the label ``le``, the last one holding everything."""
    return (*map(number_text, edges_seconds), EVERYTHING)


def _family_text(family: Family, *, is_openmetrics: bool) -> bytes:
    metric = family.metric
    known = _known_series(metric)
    lines = [_heading(metric, is_openmetrics=is_openmetrics)]
    for values, value in family.points:
        series = known.get(values)
        if series is None:
            series = known[values] = _series_text(metric.name, metric.labels, values)
        lines.append(f"{series} {number_text(value)}\n")
    lines.extend(_histogram_texts(family))
    return "".join(lines).encode()


def _histogram_texts(family: Family) -> Iterator[str]:
    metric = family.metric
    known = _known_series(metric)
    for values, histogram in family.histograms:
        place = (*values, *edge_labels(histogram.edges_seconds))
        template = known.get(place)
        if template is None:
            template = known[place] = _histogram_template(metric, values, histogram.edges_seconds)
        # The copy keeps buckets and count consistent when a wait is counted meanwhile.
        cumulative = list(map(number_text, accumulate(list(histogram.counts))))
        yield template % (*cumulative, cumulative[-1], number_text(histogram.sum_seconds))


@cache
def _known_series(metric: MetricName) -> dict[Values, str]:
    """What is written before the value, by label values. Never emptied: labels are of closed lists, and as many as are
    configured."""
    del metric
    return {}


def _histogram_template(metric: MetricName, values: Values, edges_seconds: tuple[float, ...]) -> str:
    """Every line of one histogram, with a place for each value."""
    buckets = [
        _series_text(metric.bucket, (*metric.labels, EDGE_LABEL), (*values, edge))
        for edge in edge_labels(edges_seconds)
    ]
    series = [*buckets, *(_series_text(name, metric.labels, values) for name in (metric.count, metric.sum))]
    return "".join(each.replace("%", "%%") + " %s\n" for each in series)


def _series_text(name: str, labels: Values, values: Values) -> str:
    """A name with its labels, these in the order of their names. Raises ValueError for too few values or too many."""
    if len(values) != len(labels):
        raise ValueError(f"{name} has the labels {labels}, not the values {values}")
    return _series_format(name, labels).format(*map(_escaped, values))


@cache
def _series_format(name: str, labels: Values) -> str:
    """The text of a series with a numbered place for each value, numbered in the order of the declaration."""
    places = sorted((label, number) for number, label in enumerate(labels))
    pairs = ",".join(f'{label}="{{{number}}}"' for label, number in places)
    return f"{name}{{{{{pairs}}}}}" if pairs else name


@cache
def _heading(metric: MetricName, *, is_openmetrics: bool) -> str:
    """Help and kind, and the unit where the format has one. OpenMetrics names a counter without its suffix."""
    if not is_openmetrics:
        help_text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
        return f"# HELP {metric.name} {help_text}\n# TYPE {metric.name} {metric.kind}\n"
    name = metric.name.removesuffix("_total") if metric.kind is Kind.COUNTER else metric.name
    unit = f"# UNIT {name} {metric.unit}\n" if metric.unit else ""
    return f"# HELP {name} {_escaped(metric.help)}\n# TYPE {name} {metric.kind}\n{unit}"


@lru_cache(maxsize=10_000)
def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
