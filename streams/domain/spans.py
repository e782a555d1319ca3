"""Stretches of time as values: half-open spans of milliseconds, sorted and apart."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from operator import itemgetter

Span = tuple[int, int]
Spans = tuple[Span, ...]

_start = itemgetter(0)
_end = itemgetter(1)


def joined(spans: Spans, more: Span) -> Spans:
    """With one span more; spans that touch become one."""
    start, end = more
    if start >= end:
        return spans
    first = bisect_left(spans, start, key=_end)
    last = bisect_right(spans, end, key=_start)
    if first < last:
        start, end = min(start, spans[first][0]), max(end, spans[last - 1][1])
    return (*spans[:first], (start, end), *spans[last:])


def union(several: Iterable[Spans]) -> Spans:
    """What any of them covers."""
    covered: Spans = ()
    for spans in several:
        for span in spans:
            covered = joined(covered, span)
    return covered


def common(one: Spans, other: Spans) -> Spans:
    """What both cover."""
    found: list[Span] = []
    place = 0
    for start, end in one:
        while place < len(other) and other[place][1] <= start:
            place += 1
        ahead = place
        while ahead < len(other) and other[ahead][0] < end:
            found.append((max(start, other[ahead][0]), min(end, other[ahead][1])))
            ahead += 1
    return tuple(found)


def gaps(spans: Spans, within: Span) -> Spans:
    """What of a span they leave uncovered."""
    found: list[Span] = []
    start, end = within
    for covered_from, covered_to in common(spans, (within,)):
        if covered_from > start:
            found.append((start, covered_from))
        start = covered_to
    if start < end:
        found.append((start, end))
    return tuple(found)


def total_ms(spans: Spans) -> int:
    """How long they are together."""
    return sum(end - start for start, end in spans)
