"""A table that always fits: every line is as wide as asked or narrower, nothing wraps.

Not rich's own table, because a queue without live figures says so across the columns they would be in, and because
titles give way before numbers do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from streams.wallboard import palette
from streams.wallboard.figures import QueueLine
from streams.wallboard.words import Title

GAP: Final = " "
LEAST_NAME_CELLS: Final = 8
ELLIPSIS: Final = "…"


class Cell(NamedTuple):
    """What one line shows in one column. ``tail`` has no style, and stays when the text before it is shortened."""

    text: str
    style: str = palette.PLAIN
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """The first column of a table is its name column: the one that is shortened.

    A column that ``joins`` follows the one before it without a gap, and is set left.
    """

    title: Title
    cell: Callable[[QueueLine], Cell]
    is_text: bool = False
    joins: bool = False
    is_live: bool = False
    """Part of the band in which a queue without live figures says so; such columns stand side by side."""

    @property
    def gap(self) -> str:
        return "" if self.joins else GAP


class Table:
    """Columns over lines; ``blind`` gives the words of a line whose live figures are missing, or None."""

    def __init__(
        self, columns: Sequence[Column], lines: Sequence[QueueLine], blind: Callable[[QueueLine], Cell | None]
    ) -> None:
        self._columns = columns
        self._lines = lines
        self._blind = blind
        self._cells = [[column.cell(line) for column in columns] for line in lines]
        contents = [self._content(index) for index in range(len(columns))]
        self._short = [max(each, cell_len(c.title.short)) for c, each in zip(columns, contents, strict=True)]
        self._long = [max(each, cell_len(c.title.long)) for c, each in zip(columns, contents, strict=True)]

    @property
    def least_width(self) -> int:
        """Where no text is shortened, under short titles."""
        return self._total(self._short)

    def lines(self, width: int) -> list[Text]:
        """The titles, then one line per queue."""
        widths = self._fit(width)
        titles = [Cell(title) for title in self.titles(width)]
        rows = [self._row(line, cells, widths) for line, cells in zip(self._lines, self._cells, strict=True)]
        head = self._join(titles, widths)
        head.stylize(palette.TITLE)
        for each in (head, *rows):
            each.truncate(width, overflow="ellipsis")
        return [head, *rows]

    def titles(self, width: int) -> list[str]:
        """As they are shown at this width."""
        return [_title(column.title, each) for column, each in zip(self._columns, self._fit(width), strict=True)]

    def _content(self, index: int) -> int:
        """The widest cell of a column, but for those a blind line covers."""
        is_live = self._columns[index].is_live
        rows = zip(self._lines, self._cells, strict=True)
        return max((_cells_of(row[index]) for line, row in rows if not (is_live and self._blind(line))), default=0)

    def _fit(self, width: int) -> list[int]:
        """Long titles as far as there is room, from the left; the name gives way last."""
        widths = list(self._short)
        room = width - self._total(widths)
        if room < 0:
            widths[0] = max(LEAST_NAME_CELLS, widths[0] + room)
            return widths
        for index, long in enumerate(self._long):
            if long - widths[index] <= room:
                room -= long - widths[index]
                widths[index] = long
        return widths

    def _total(self, widths: Iterable[int]) -> int:
        gaps = sum(len(column.gap) for column in self._columns[1:])
        return sum(widths) + gaps

    def _row(self, line: QueueLine, cells: Sequence[Cell], widths: Sequence[int]) -> Text:
        blind = self._blind(line)
        if blind is None:
            return self._join(cells, widths)
        row = Text(no_wrap=True)
        band = [i for i, column in enumerate(self._columns) if column.is_live]
        first, last = band[0], band[-1]
        band_width = sum(widths[i] for i in band) + sum(len(self._columns[i].gap) for i in band[1:])
        row.append(self._join(cells[:first], widths[:first]))
        row.append(GAP)
        row.append(set_cell_size(f"{blind.text}{blind.tail}", band_width), blind.style)
        row.append(self._join(cells[last + 1 :], widths[last + 1 :], start=last + 1))
        return row

    def _join(self, cells: Sequence[Cell], widths: Sequence[int], *, start: int = 0) -> Text:
        row = Text(no_wrap=True)
        for index, (cell, width) in enumerate(zip(cells, widths, strict=True), start):
            if index:
                row.append(self._columns[index].gap, self._gap_style(index, cell))
            row.append(_padded(cell, width, is_left=self._is_left(index)))
        return row

    def _gap_style(self, index: int, cell: Cell) -> str:
        """The live figures of a queue are one band of colour."""
        return cell.style if self._columns[index].is_live and self._columns[index - 1].is_live else palette.PLAIN

    def _is_left(self, index: int) -> bool:
        return self._columns[index].is_text or self._columns[index].joins


def _cells_of(cell: Cell) -> int:
    return cell_len(cell.text) + cell_len(cell.tail)


def _title(title: Title, width: int) -> str:
    return title.long if cell_len(title.long) <= width else title.short


def _padded(cell: Cell, width: int, *, is_left: bool) -> Text:
    space = width - _cells_of(cell)
    if space < 0:
        return _shortened(cell, width)
    padding = " " * space
    if not is_left:
        return Text(f"{padding}{cell.text}", cell.style).append(cell.tail, palette.PLAIN)
    if not cell.tail:
        return Text(f"{cell.text}{padding}", cell.style)
    return Text.assemble((cell.text, cell.style), cell.tail, padding)


def _shortened(cell: Cell, width: int) -> Text:
    """The text cut at its end; of a tail that leaves no room for it, the end."""
    room = width - cell_len(cell.tail) - cell_len(ELLIPSIS)
    if room < 0:
        return Text(f"{ELLIPSIS}{cell.tail[cell_len(ELLIPSIS) - width :]}", cell.style)
    cut = f"{set_cell_size(cell.text, room).rstrip()}{ELLIPSIS}"
    return Text.assemble((set_cell_size(cut, width - cell_len(cell.tail)), cell.style), cell.tail)
