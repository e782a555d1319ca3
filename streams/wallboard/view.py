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
LEAST_ROWS: Final = 3
ABANDONMENT: Final = "B/(A+B)"


def render(board: Board, words: Words, *, width: int, height: int | None = None) -> RenderableType:
    """Lines of at most ``width`` cells. With a height no more lines than that, as far as three queues can be shown:
    the explanations give way first, then the queues that are well."""
    top = header(board, words, width)
    if not board.queues:
        return Group(*top, Text(words.no_queues if board.workers_answering else words.no_worker, no_wrap=True))
    bottom = _footer(board, words, width)
    rows = None if height is None else height - len(top) - TITLE_ROWS
    if rows is not None and rows - len(bottom) < min(len(board.queues), LEAST_ROWS):
        bottom = []
    shown, hidden = _that_fit(board.queues, None if rows is None else max(LEAST_ROWS, rows - len(bottom)))
    table = _table(board, words, shown, width)
    more = [_more(hidden, words)] if hidden else []
    return Group(*top, *table.lines(width), *more, *bottom)


def _table(board: Board, words: Words, shown: Sequence[QueueLine], width: int) -> Table:
    """The widest set of columns that shortens nothing; on a narrow screen the last one, shortened."""
    tables = (Table(columns, shown, lambda line: blind_cell(line, words)) for columns in column_sets(board, words))
    table = next(tables)
    for narrower in tables:
        if table.least_width <= width:
            break
        table = narrower
    return table


def _that_fit(queues: Sequence[QueueLine], rows: int | None) -> tuple[Sequence[QueueLine], Sequence[QueueLine]]:
    """Those shown and those left out; the last row is then for saying so."""
    if rows is None or len(queues) <= rows:
        return queues, ()
    return queues[: rows - 1], queues[rows - 1 :]


def _more(hidden: Sequence[QueueLine], words: Words) -> Text:
    states = Counter(line.state for line in hidden)
    told = ", ".join(f"{states[state]} {words.states[state]}" for state in State if states[state])
    text = words.more.format(count=len(hidden), states=words.all_ok if set(states) == {State.OK} else told)
    return Text(text, style=palette.TITLE, no_wrap=True)


def _footer(board: Board, words: Words, width: int) -> list[Text]:
    """The formulas on the board in full, what their letters count, and short titles in full."""
    names = sorted({line.today.formula for line in board.queues if line.today and line.today.formula})
    formulas = [formula_of(name) for name in names]
    told = [f"{each.code} {name} = {each.definition}" for name, each in zip(names, formulas, strict=True)]
    told.append(f"{words.abandonment.short} = {ABANDONMENT}")
    used = "".join((ABANDONMENT, *(each.definition for each in formulas)))
    told += [f"{letter} {meaning}" for letter, meaning in words.letters.items() if letter in used]
    titles = _table(board, words, board.queues, width).titles(width)
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
