"""Laws of the availability core: order, repeats, batches and restarts make no difference to what queues end up with."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from hypothesis import given, strategies as st

from streams.domain.availability import AvailabilityCore
from streams.domain.decisions import Decisions
from tests.availability_records import fed_centre, heartbeat, source
from tests.builders import at_ms
from tests.callback_records import KafkaRecord, event_of

PLACES = fed_centre(source(), source("hub", silence=3, channels={"chat"}), source("pbx-far", site="recife"))
SITES = {"pbx-1": "fortaleza", "hub": "fortaleza", "pbx-far": "recife", "stranger": "fortaleza"}

beats = st.lists(
    st.builds(
        lambda name, seconds, delay: heartbeat(seconds, name, delay=delay, site=SITES[name]),
        st.sampled_from(sorted(SITES)),
        st.sampled_from((0, 0.7, 0.75, 9.999, 10, 29, 30, 300, 3600)),
        st.sampled_from((0, 0.5, -20, 1200)),
    ),
    max_size=12,
)


class Told:
    """A core with its changelog, and what compaction leaves of its outputs."""

    def __init__(self) -> None:
        self.core = self._new()
        self.rows: dict[bytes, bytes] = {}
        self.words: dict[bytes, bytes] = {}
        self.contents: dict[str, bytes] = {}

    def _new(self) -> AvailabilityCore:
        return AvailabilityCore(0, PLACES, clock="wall")

    def take(self, records: Sequence[KafkaRecord]) -> Decisions:
        decisions = self.core.apply("site-events", records, at_ms(0), at_ms(0))
        for output in decisions.outputs:
            assert output.value is not None
            assert self.contents.setdefault(event_of(output)["id"], output.value) == output.value
            earlier = self.words.get(output.key)
            assert earlier is None or revision(earlier) < revision(output.value), "a later word that is no newer"
            self.words[output.key] = output.value
        return decisions

    def flush(self) -> None:
        self.rows |= {key: value for key, value in self.core.changes().rows if value is not None}
        assert self.rows.items() <= dict(self.core.snapshot()).items()

    def restart(self) -> None:
        self.flush()
        self.core = self._new()
        self.core.restore(self.rows)

    def end(self) -> tuple[dict[bytes, bytes], dict[bytes, bytes], int]:
        """What queues were told last, the rows apart from the ledger, and how many records were counted."""
        self.flush()
        return self.words, {k: v for k, v in self.rows.items() if k != b"ledger"}, self.core.ledger.total


def revision(value: bytes) -> int:
    told: int = msgspec.json.decode(value)["data"]["revision"]
    return told


@given(beats, st.randoms(use_true_random=False))
def test_any_order_ends_in_the_same_words_and_rows(records: list[KafkaRecord], random: object) -> None:
    """One record each way, so that every order of telling is tried."""
    straight, shuffled = Told(), Told()
    for record in records:
        straight.take([record])
    other = list(records)
    random.shuffle(other)  # type: ignore[attr-defined]  # Hypothesis' own
    for record in other:
        shuffled.take([record])
    assert shuffled.end() == straight.end()


@given(beats)
def test_twice_equals_once(records: list[KafkaRecord]) -> None:
    """All of it again, and only the ledger counts more."""
    once, twice = Told(), Told()
    once.take(records)
    twice.take(records)
    assert twice.take(records).outputs == []
    assert twice.end()[:2] == once.end()[:2]
    assert twice.core.ledger.total == 2 * len(records)
    assert twice.core.ledger.applied == once.core.ledger.applied


@given(beats, st.sets(st.integers(0, 12)))
def test_batches_and_restarts_anywhere_make_no_difference(records: list[KafkaRecord], cuts: set[int]) -> None:
    """Snapshot and restore between any two batches."""
    whole, cut = Told(), Told()
    whole.take(records)
    for place, record in enumerate(records):
        if place in cuts:
            cut.restart()
        cut.take([record])
    cut.restart()
    assert cut.end() == whole.end()
    assert cut.core.ledger.total == len(records)
