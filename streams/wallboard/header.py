"""The top of the board: where and when, how many queues are in which state, totals, and how fresh the data are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from streams.wallboard import formats, palette
from streams.wallboard.figures import Board, SiteLine, State
from streams.wallboard.pages import Failure
from streams.wallboard.words import Title, Words

GAP: Final = "  "
LAG_ATTENTION_MESSAGES: Final = 1000


class _Part(NamedTuple):
    text: str
    style: str = palette.PLAIN


def header(board: Board, words: Words, width: int) -> list[Text]:
    """Lines of at most ``width`` cells."""
    lines = [
        _place_and_time(board, width),
        _states(board, words),
        _totals(board, words, width),
        _freshness(board, words, width),
        *(_failure(url, why, words) for url, why in board.failures.items()),
    ]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return [line for line in lines if line.plain]


def _place_and_time(board: Board, width: int) -> Text:
    """Tenants with their sites; the clock of the sites at the right, each its own where they differ."""
    by_tenant: dict[str, list[str]] = {}
    for site in board.sites:
        by_tenant.setdefault(site.tenant, []).append(site.site)
    place = GAP.join(f"{tenant}: {', '.join(sites)}" for tenant, sites in by_tenant.items())
    time = GAP.join(_times(board))
    line = Text(place, style=palette.TITLE, no_wrap=True)
    line.truncate(max(0, width - cell_len(time) - len(GAP)), overflow="ellipsis", pad=True)
    return line.append(f"{GAP}{time}")


def _times(board: Board) -> list[str]:
    offsets: dict[int | None, SiteLine] = {}
    for site in board.sites:
        offsets.setdefault(site.utc_offset_seconds, site)
    if len(offsets) <= 1:
        return [formats.time_of_day(board.now_seconds, next(iter(offsets), None))]
    return [f"{site.site} {formats.time_of_day(board.now_seconds, offset)}" for offset, site in offsets.items()]


def _states(board: Board, words: Words) -> Text:
    """How many queues are in each state, worst first."""
    shown = [state for state in State if board.count(state)]
    return _joined(_Part(f" {words.states[state]} {board.count(state)} ", palette.OF_STATE[state]) for state in shown)


def _totals(board: Board, words: Words, width: int) -> Text:
    """Under long names where they fit, else under short ones."""
    if not board.queues:
        return Text()
    long, short = (_joined(_total_parts(board, words, is_long=is_long)) for is_long in (True, False))
    return long if cell_len(long.plain) <= width else short


def _total_parts(board: Board, words: Words, *, is_long: bool) -> Iterable[_Part]:
    def total(title: Title, number: int | None, *, at_least: bool, since: str = "") -> _Part:
        shown = words.states[State.MISSING] if number is None else formats.count(number, at_least=at_least)
        text = (title.long if is_long else title.short).format(shown, since=since)
        return _Part(text, palette.BLIND if number is None else palette.TITLE)

    yield total(words.total_waiting, board.waiting_contacts, at_least=board.live_missing)
    yield total(words.total_over, board.over_limit_contacts, at_least=board.live_missing)
    yield total(words.total_free, board.agents("available"), at_least=board.parts_missing)
    if board.callbacks_pending is not None:
        yield total(words.total_callbacks, board.callbacks_pending, at_least=board.parts_missing)
    since = board.breaches_since_seconds
    if since is None:
        yield total(words.total_breaches, board.breaches_last_hour, at_least=board.parts_missing)
    elif board.breaches_last_hour is not None:
        offset = board.sites[0].utc_offset_seconds if board.sites else None
        shown = formats.time_of_day(since, offset)[:5]
        yield total(words.breaches_since, board.breaches_last_hour, at_least=board.parts_missing, since=shown)


def _freshness(board: Board, words: Words, width: int) -> Text:
    """Workers that answer, the source whose data are oldest for what is expected of it, what is still to be read."""
    source = _source(board, words)
    long = _joined((_workers(board, words.workers.long), source, *_lag(board, words.lag.long)))
    short = _joined((_workers(board, words.workers.short), source, *_lag(board, words.lag.short)))
    return long if cell_len(long.plain) <= width else short


def _source(board: Board, words: Words) -> _Part:
    if not board.sources:
        return _Part(words.no_sources, palette.BLIND)
    worst = board.sources[0]
    text = words.source_silent if worst.is_silent else words.source_age
    age, silence = formats.span(worst.age_seconds), formats.span(worst.expected_silence_seconds)
    is_doubtful = worst.is_silent or worst.age_seconds is None
    shown = text.format(source=worst.source, age=age, silence=silence)
    return _Part(shown, palette.BLIND if is_doubtful else palette.PLAIN)


def _lag(board: Board, text: str) -> Iterable[_Part]:
    if board.lag_messages is not None:
        is_high = board.lag_messages >= LAG_ATTENTION_MESSAGES
        yield _Part(text.format(board.lag_messages), palette.ATTENTION if is_high else palette.PLAIN)


def _workers(board: Board, text: str) -> _Part:
    shown = text.format(answering=board.workers_answering, all=board.workers)
    return _Part(shown, palette.ACT if board.failures else palette.PLAIN)


def _failure(url: str, why: Failure, words: Words) -> Text:
    return Text(words.worker_fails.format(url=url, why=words.failures[why]), style=palette.ACT, no_wrap=True)


def _joined(parts: Iterable[_Part]) -> Text:
    line = Text(no_wrap=True)
    for part in parts:
        line.append(GAP if line.plain else "").append(part.text, part.style)
    return line
