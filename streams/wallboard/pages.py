"""What one worker shows at one instant: its page of metrics, read, or the reason why there is none."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from streams import metric_names as names
from streams.metric_names import MetricName

Labels = Mapping[str, str]
Sample = tuple[Labels, float]

READ: Final = (
    names.QUEUE_WAITING_CONTACTS,
    names.QUEUE_LONGEST_WAIT,
    names.QUEUE_WAIT_LIMIT_USED,
    names.QUEUE_OVER_LIMIT_CONTACTS,
    names.QUEUE_AGENTS,
    names.QUEUE_STALE,
    names.QUEUE_DAY_CONTACTS,
    names.QUEUE_DAY_BREACHES,
    names.QUEUE_DAY_SERVICE_LEVEL_MET,
    names.QUEUE_DAY_SERVICE_LEVEL_BASE,
    names.SITE_DAY_START,
    names.QUEUE_WAIT_BREACHES,
    names.SITE_AGENTS,
    names.QUEUE_CALLBACKS_PENDING,
    names.QUEUE_INFO,
    names.QUEUE_OPEN,
    names.QUEUE_ANSWER_TARGET,
    names.QUEUE_MAX_WAIT,
    names.QUEUE_SERVICE_LEVEL_TARGET,
    names.SOURCE_EXPECTED_SILENCE,
    names.STREAM_LAST_EVENT,
    names.STREAM_CONSUMER_LAG,
    names.BUILD_INFO,
)
"""All the wallboard reads. The rest of a page, nine lines in ten, is skipped before it is parsed."""

_READ_LINES: Final = re.compile(rf"^(?:{'|'.join(metric.name for metric in READ)})[ {{].*$", re.MULTILINE)


class Failure(StrEnum):
    """Why there is no page."""

    UNREACHABLE = "unreachable"
    TOO_SLOW = "too_slow"
    HTTP_ERROR = "http_error"
    NOT_A_WORKER = "not_a_worker"


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of one worker. Without an answer there are no samples and ``failure`` says why."""

    url: str
    samples: Mapping[str, tuple[Sample, ...]] = field(default_factory=dict)
    """Metric name to samples, as they stand in the page."""
    failure: Failure | None = None

    @classmethod
    def read(cls, url: str, text: str) -> Page:
        """The page of this text (Prometheus exposition); a failure where it is none of a worker."""
        found: defaultdict[str, list[Sample]] = defaultdict(list)
        try:
            for family in text_string_to_metric_families("\n".join(_READ_LINES.findall(text)) + "\n"):
                for sample in family.samples:
                    found[sample.name].append((sample.labels, sample.value))
        except ValueError:
            return cls(url, failure=Failure.NOT_A_WORKER)
        if names.BUILD_INFO.name not in found:
            return cls(url, failure=Failure.NOT_A_WORKER)
        return cls(url, {name: tuple(samples) for name, samples in found.items()})

    @property
    def answers(self) -> bool:
        return self.failure is None

    def of(self, metric: MetricName) -> tuple[Sample, ...]:
        return self.samples.get(metric.name, ())

    def only(self, **wanted: str) -> Page:
        """The page without the series that say otherwise in one of these labels; those without the label stay."""
        kept = {name: tuple(_matching(samples, wanted)) for name, samples in self.samples.items()}
        return replace(self, samples=kept)


def newest_event_seconds(pages: Iterable[Page]) -> float | None:
    """The newest event time any worker shows, as a Unix time: the present where event time is the clock."""
    return max((value for page in pages for _, value in page.of(names.STREAM_LAST_EVENT)), default=None)


def _matching(samples: Iterable[Sample], wanted: Mapping[str, str]) -> Iterator[Sample]:
    for labels, value in samples:
        if all(labels.get(label, each) == each for label, each in wanted.items()):
            yield labels, value
