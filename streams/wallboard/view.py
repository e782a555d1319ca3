"""A board as a picture: header, queues by urgency, and what the letters mean. Pure; for the command and the demo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from streams.wallboard import palette
from streams.wallboard.columns import blind_cell, column_sets, formula_of
from streams.wallboard.figures import Board, QueueLine, State
from streams.wallboard.header import header
from streams.wallboard.table import Table
from streams.wallboard.words import Words

SEPARATOR: Final = " · "
TITLE_ROWS: Final = 1
ABANDONMENT: Final = "B/(A+B)"


def render(board: Board, words: Words, *, width: int, height: int | None = None) -> RenderableType:
    """Lines of at most ``width`` cells; with a height no more lines than that, as far as the worst queue can be shown.

    The explanations give way first, before any queue that is not well is left out.
    """
    top = header(board, words, width)
    if not board.queues:
        return Group(*top, Text(words.no_queues if board.workers_answering else words.no_worker, no_wrap=True))
    table = _table(board, words, width)
    bottom = _footer(board, words, table.titles(width), width)
    if height is None:
        return Group(*top, *table.lines(width), *bottom)
    rows = height - len(top) - TITLE_ROWS
    if rows < _rows_wanted(board) + len(bottom):
        bottom = []
    return Group(*top, *_that_fit(table.lines(width), board, words, rows - len(bottom)), *bottom)


def _rows_wanted(board: Board) -> int:
    """One for each queue that is not well, and one for all others."""
    well = board.count(State.OK)
    return len(board.queues) - well + min(well, 1)


def _table(board: Board, words: Words, width: int) -> Table:
    """The widest set of columns that shortens nothing; on a narrow screen the last one, shortened."""
    sets = column_sets(board, words)
    tables = [Table(columns, board.queues, lambda line: blind_cell(line, words)) for columns in sets]
    return next((table for table in tables if table.least_width <= width), tables[-1])


def _that_fit(lines: Sequence[Text], board: Board, words: Words, rows: int) -> Sequence[Text]:
    """The titles and the worst queues; what is left out is told in the last row."""
    if len(board.queues) <= rows:
        return lines
    shown = max(1, rows - 1)
    hidden = board.queues[shown:]
    return [*lines[: TITLE_ROWS + shown], *([_more(hidden, words)] if hidden else [])]


def _more(hidden: Sequence[QueueLine], words: Words) -> Text:
    states = Counter(line.state for line in hidden)
    told = ", ".join(f"{states[state]} {words.states[state]}" for state in State if states[state])
    text = words.more.format(count=len(hidden), states=words.all_ok if set(states) == {State.OK} else told)
    return Text(text, style=palette.TITLE, no_wrap=True)


def _footer(board: Board, words: Words, titles: Iterable[str], width: int) -> list[Text]:
    """The formulas on the board in full, what their letters count, and short titles in full."""
    names = sorted({line.today.formula for line in board.queues if line.today and line.today.formula})
    formulas = [formula_of(name) for name in names]
    told = [f"{each.code} {name} = {each.definition}" for name, each in zip(names, formulas, strict=True)]
    told.append(f"{words.abandonment.short} = {ABANDONMENT}")
    used = "".join((ABANDONMENT, *(each.definition for each in formulas)))
    told += [f"{letter} {meaning}" for letter, meaning in words.letters.items() if letter in used]
    told += [f"{title} {words.titles[title]}" for title in titles if title in words.titles]
    return [Text(line, style=palette.QUIET, no_wrap=True) for line in _wrapped(told, width)]


def _wrapped(items: Iterable[str], width: int) -> list[str]:
    """As many items on a line as fit whole."""
    lines: list[str] = []
    for item in items:
        if lines and cell_len(lines[-1] + SEPARATOR + item) <= width:
            lines[-1] += SEPARATOR + item
        else:
            lines.append(item)
    return lines
