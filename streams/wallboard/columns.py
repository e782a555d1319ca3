"""The columns of the board: which there are, and what a queue shows in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from streams.wallboard import formats, palette
from streams.wallboard.figures import Board, QueueLine, State, Today
from streams.wallboard.table import Cell, Column
from streams.wallboard.words import FORMULAS, Formula, Words

LIMIT_SIGN: Final = "/"
SERVICE_LEVEL_MARGIN: Final = 0.05
"""Below its target by no more than this a service level calls for attention, below that for action."""
ABANDONMENT_ATTENTION: Final = 0.05
ABANDONMENT_ACT: Final = 0.10

CellOf = Callable[[QueueLine], Cell]


def column_sets(board: Board, words: Words) -> list[list[Column]]:
    """From the widest screen to the narrowest; the last one is for 80 columns."""
    return [
        _wide(board, words, _service_level_by_name),
        _wide(board, words, _service_level_by_code),
        [
            _name(board, words),
            *_live(words),
            *_today(words, _service_level_by_code),
            _free(words),
            *_counts(board, words),
        ],
    ]


def blind_cell(line: QueueLine, words: Words) -> Cell | None:
    """What stands in place of the live figures."""
    return Cell(f" {words.states[line.state]}", palette.OF_STATE[line.state]) if line.state.is_blind else None


def formula_of(name: str) -> Formula:
    return FORMULAS.get(name, Formula(name, name))


def _narrow(board: Board, words: Words) -> list[Column]:
    today = _today(words, _service_level_by_code)
    return [_name(board, words), *_live(words), *today, _free(words), *_counts(board, words)]


def _wide(board: Board, words: Words, service_level: CellOf) -> list[Column]:
    return [
        _name(board, words),
        Column(words.channel, lambda line: Cell(line.channel), is_text=True),
        *_live(words),
        Column(words.used, _used),
        *_today(words, service_level, target=lambda line: Cell(_target_within(line, words))),
        _free(words),
        Column(words.agents_busy, lambda line: Cell(_agents(line, "busy", "ringing", "wrap_up"))),
        Column(words.agents_paused, lambda line: Cell(_agents(line, "paused"))),
        *_counts(board, words),
        Column(words.breaches_day, _breaches_today),
        Column(words.freshness, _freshness(board, words), is_text=True),
    ]


def _name(board: Board, words: Words) -> Column:
    shown = Counter(line.display_name for line in board.queues)

    def cell(line: QueueLine) -> Cell:
        style = palette.TITLE if line.state is State.OVER else palette.PLAIN
        tail = f" {_apart(line, board)}" if shown[line.display_name] > 1 else ""
        return Cell(_printable(line.display_name), style, tail)

    return Column(words.queue, cell, is_text=True)


def _apart(line: QueueLine, board: Board) -> str:
    """What tells a queue from the others of the same name, as little as will do."""
    same = [each for each in board.queues if each.display_name == line.display_name]
    for told in (_channel, _site, _slug):
        if len({told(each) for each in same}) == len(same):
            return told(line)
    return f"{line.tenant}/{line.queue}/{line.channel}"


def _channel(line: QueueLine) -> str:
    return line.channel


def _site(line: QueueLine) -> str:
    return line.site


def _slug(line: QueueLine) -> str:
    return line.queue


def _live(words: Words) -> list[Column]:
    """State, callers, and the longest wait beside its limit, all in the colour of the state."""

    def state(line: QueueLine) -> Cell:
        return Cell(f" {words.states[line.state]} ", palette.OF_STATE[line.state])

    return [
        Column(words.state, state, is_text=True, is_live=True),
        Column(words.waiting, lambda line: Cell(_live_count(line), _urgent(line)), is_live=True),
        Column(words.longest, lambda line: Cell(_longest(line), _urgent(line)), is_live=True),
        Column(words.limit, _limit, joins=True, is_live=True),
    ]


def _today(words: Words, service_level: CellOf, target: CellOf | None = None) -> list[Column]:
    return [
        Column(words.service_level, service_level, is_text=True),
        Column(words.target, target or (lambda line: Cell(formats.share(line.service_level_target)))),
        Column(words.abandonment, _abandonment),
    ]


def _free(words: Words) -> Column:
    def cell(line: QueueLine) -> Cell:
        nobody = line.live is not None and line.live.waiting_contacts and not line.live.agents.get("available", 0)
        return Cell(_agents(line, "available"), palette.ACT if nobody else palette.PLAIN)

    return Column(words.agents_free, cell)


def _counts(board: Board, words: Words) -> list[Column]:
    def callbacks(line: QueueLine) -> Cell:
        """Empty for a queue that nobody is called back by."""
        pending = line.callbacks_pending
        return Cell("" if pending is None else formats.count(pending, at_least=board.parts_missing))

    return [
        Column(words.callbacks, callbacks),
        Column(words.breaches_hour, lambda line: Cell(formats.count(line.breaches_last_hour))),
    ]


def _urgent(line: QueueLine) -> str:
    return palette.PLAIN if line.state is State.OK else palette.OF_STATE[line.state]


def _live_count(line: QueueLine) -> str:
    return formats.count(line.live.waiting_contacts if line.live else None)


def _longest(line: QueueLine) -> str:
    return formats.clock(line.live.longest_wait_seconds) if line.live else formats.UNKNOWN


def _limit(line: QueueLine) -> Cell:
    return Cell(f"{LIMIT_SIGN}{formats.limit(line.max_wait_seconds)}", _urgent(line))


def _used(line: QueueLine) -> Cell:
    return Cell(formats.share(line.live.wait_limit_used_ratio if line.live else None))


def _agents(line: QueueLine, *states: str) -> str:
    return formats.count(sum(line.live.agents.get(state, 0) for state in states) if line.live else None)


def _service_level_by_code(line: QueueLine) -> Cell:
    return _service_level(line, lambda name: formula_of(name).code)


def _service_level_by_name(line: QueueLine) -> Cell:
    return _service_level(line, lambda name: name)


def _service_level(line: QueueLine, naming: Callable[[str], str]) -> Cell:
    if line.today is None:
        return Cell(f"{formats.UNKNOWN:>4}")
    shown = f"{formats.share(line.today.service_level):>4}"
    formula = line.today.formula
    return Cell(shown, _service_level_style(line, line.today), tail=f" {naming(formula)}" if formula else "")


def _service_level_style(line: QueueLine, today: Today) -> str:
    level, target = today.service_level, line.service_level_target
    if level is None or target is None or level >= target:
        return palette.PLAIN
    return palette.NOTABLE if level >= target - SERVICE_LEVEL_MARGIN else palette.ACT


def _target_within(line: QueueLine, words: Words) -> str:
    target, within = line.service_level_target, line.answer_target_seconds
    if target is None or within is None:
        return formats.UNKNOWN
    return words.target_within.format(target=formats.share(target), within=formats.span(within))


def _abandonment(line: QueueLine) -> Cell:
    ratio = line.today.abandonment if line.today else None
    if ratio is None or ratio < ABANDONMENT_ATTENTION:
        return Cell(formats.share(ratio))
    return Cell(formats.share(ratio), palette.ACT if ratio >= ABANDONMENT_ACT else palette.NOTABLE)


def _breaches_today(line: QueueLine) -> Cell:
    return Cell(formats.count(sum(line.today.breaches.values()) if line.today else None))


def _freshness(board: Board, words: Words) -> CellOf:
    """Whether the queue's figures are live, and how old the newest data of its site are."""

    def cell(line: QueueLine) -> Cell:
        if line.state.is_blind:
            return Cell(words.states[line.state])
        place = (line.tenant, line.site)
        sources = [source for source in board.sources if (source.tenant, source.site) == place]
        ages = [source.age_seconds for source in sources if source.age_seconds is not None]
        return Cell(f"{words.fresh} {formats.span(min(ages))}" if ages else words.fresh)

    return cell


def _printable(text: str) -> str:
    """A name from the configuration, which must not steer the terminal."""
    return "".join(each if each.isprintable() else "?" for each in text)
