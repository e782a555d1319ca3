"""The written page is, byte for byte, what the client library makes of the same series."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import accumulate

import pytest
from hypothesis import given, strategies as st
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from streams.domain.figures import Histogram
from streams.exposition import Family, number_text, write_page
from streams.metric_names import Kind, MetricName
from streams.metrics import families
from tests.unit.test_metrics import small_worker

ACCEPTED = (
    "",
    "text/plain",
    "text/plain;version=1.0.0;escaping=allow-utf-8",
    "application/openmetrics-text",
    "application/openmetrics-text; version=0.0.1",
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4,*/*;q=0.1",
    "application/openmetrics-text; version=2.0.0",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,*/*;q=0.1",
)
"""What scrapers say, Prometheus 2 and 3 among them."""


class ClientLibrary(Collector):
    """The same families, handed to the library sample by sample."""

    def __init__(self, told: Iterable[Family]) -> None:
        self._told = told

    def collect(self) -> Iterator[Metric]:
        for metric, points, histograms in self._told:
            family = Metric(metric.name.removesuffix("_total"), metric.help, metric.kind, metric.unit)
            family.samples = [
                Sample(metric.name, dict(zip(metric.labels, values, strict=True)), value) for values, value in points
            ]
            for values, histogram in histograms:
                family.samples += buckets(metric, dict(zip(metric.labels, values, strict=True)), histogram)
            yield family


def buckets(metric: MetricName, labels: dict[str, str], histogram: Histogram) -> Iterator[Sample]:
    cumulative = list(accumulate(histogram.counts))
    edges = [*map(floatToGoString, histogram.edges_seconds), "+Inf"]
    for edge, count in zip(edges, cumulative, strict=True):
        yield Sample(f"{metric.name}_bucket", {**labels, "le": edge}, count)
    yield Sample(f"{metric.name}_count", labels, cumulative[-1])
    yield Sample(f"{metric.name}_sum", labels, histogram.sum_seconds)


def assert_same(told: Iterable[Family], accept: str) -> None:
    listed = [Family(metric, list(points), list(histograms)) for metric, points, histograms in told]
    encoder, content_type = choose_encoder(accept)
    assert write_page(listed, accept) == (encoder(ClientLibrary(listed)), content_type)


@pytest.mark.parametrize("accept", ACCEPTED)
def test_a_worker_s_page_is_what_the_client_library_writes(accept: str) -> None:
    """Every metric of the catalogue, in every format a scraper may ask for."""
    assert_same(families(small_worker()), accept)


texts = st.text(alphabet=st.sampled_from('aZ0 "\\\n%{}=,ãç€😀'), max_size=8)
numbers = st.one_of(
    st.booleans(),
    st.integers(min_value=-(10**18), max_value=10**18),
    st.floats(),
    st.sampled_from((0, 0.0, 999_999, 1_000_000, 1e6, 1234567.5, 1e21, -0.0)),
)
kinds = st.sampled_from((Kind.GAUGE, Kind.COUNTER))
edges = st.lists(st.floats(min_value=0.001, max_value=1e9), min_size=1, max_size=4, unique=True).map(sorted).map(tuple)


@st.composite
def told_families(draw: st.DrawFn) -> Family:
    """Label names in any order, label values of any text, numbers of any kind."""
    labels = tuple(draw(st.lists(st.sampled_from(("tenant", "a", "le_", "queue", "z")), unique=True, max_size=4)))
    places = draw(st.lists(st.tuples(*(texts for _ in labels)), unique=True, max_size=4))
    help_text = draw(texts)
    if draw(st.booleans()):
        metric = MetricName("test_wait_seconds", Kind.HISTOGRAM, help_text, labels, "seconds")
        bounds = draw(edges)
        counts = st.lists(st.integers(0, 2_000_000), min_size=len(bounds) + 1, max_size=len(bounds) + 1)
        return Family(
            metric, histograms=[(each, Histogram(bounds, draw(counts), draw(st.floats(0, 1e12)))) for each in places]
        )
    kind = draw(kinds)
    name = "test_things_total" if kind is Kind.COUNTER else "test_things"
    return Family(MetricName(name, kind, help_text, labels), [(each, draw(numbers)) for each in places])


@given(st.lists(told_families(), max_size=3), st.sampled_from(ACCEPTED))
def test_whatever_labels_and_numbers_there_are_both_write_the_same(told: list[Family], accept: str) -> None:
    """Escaping, order of labels, number format, and what was kept from pages before."""
    assert_same(told, accept)


@given(numbers)
def test_a_number_is_written_as_the_client_library_does(number: float) -> None:
    """Also where it is an integer, which has a short way of its own."""
    assert number_text(number) == floatToGoString(number)


def test_a_page_that_is_written_again_shows_the_new_numbers() -> None:
    """Only what stands before a value is kept."""
    first, second = small_worker(), small_worker()
    second.queues[0].counters.offered += 1
    second.queues[0].counters.wait_answered.observe(1.0)
    assert_same(families(first), "")
    assert_same(families(second), "")
    assert write_page(families(first), "") != write_page(families(second), "")


def test_a_series_with_too_few_or_too_many_labels_is_refused() -> None:
    """A page that says something of the wrong series would be worse than none."""
    metric = MetricName("test_things", Kind.GAUGE, "Things.", ("a", "b"))
    for values in (("1",), ("1", "2", "3")):
        with pytest.raises(ValueError, match="test_things"):
            write_page([Family(metric, [(values, 1)])], "")
