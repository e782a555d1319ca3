"""A log file that is followed through rotation, truncation and restarts of the reader: every line once, in order.

A file is known by its first line (its ``head``), because names move and the numbers of files are used again:

- **Renamed and begun anew** (logrotate's default, ``logger rotate``): the open file is read to its end, and left only
  when a later one has a first line. A writer closes one before it writes into the next.
- **Copied and truncated** (``copytruncate``): what was not read yet is found in the copy, which has the same head.
- **While nobody read**: the file is looked for by its head among its siblings (``queue_log.1``,
  ``queue_log-20261126``), then those written later follow in the order of their last change.

Compressed siblings are not opened (let logrotate ``delaycompress``). What a plain truncation took with it is gone. Two
files begun with the same line, or last written in the same few milliseconds, are not told apart.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final, NamedTuple
from zlib import crc32

import msgspec

CHUNK_BYTES: Final = 1024 * 1024
_HEAD_BYTES: Final = 512
_DONE_HEADS: Final = 64
_TAIL_BYTES: Final = 16 * 1024
_LOOKS: Final = 20


class Position(msgspec.Struct, frozen=True):
    """How far was read: ``offset`` bytes of the file with this head (None: no whole first line yet). ``changed_ns`` is
    when it was last written; ``done`` are the heads of the files read before, ``line`` is how many lines come before
    the offset (None: nobody counted)."""

    head: int | None
    inode: int
    offset: int
    changed_ns: int
    done: tuple[int, ...] = ()
    line: int | None = None


class Start(NamedTuple):
    """Where some lines begin: in the file with this head, at this byte, after so many lines."""

    head: int | None
    offset: int
    line: int | None

    def of(self, lines: list[bytes], index: int) -> Start:
        """Of the line with this index, when the first of these stands here."""
        before = sum(len(line) + 1 for line in lines[:index])
        return Start(self.head, self.offset + before, None if self.line is None else self.line + index)


class _Sibling(NamedTuple):
    """In the order in which files are read: the one that is written now is the last, whatever the clock says."""

    is_current: bool
    changed_ns: int
    inode: int
    head: int | None
    size: int
    path: Path


class _Moved(Exception):
    """A name means another file than a moment ago."""


class FollowedLog:
    """The lines of ``path`` from ``position`` on, or from the beginning of what is there now."""

    def __init__(self, path: Path, position: Position | None = None) -> None:
        self._path = path
        self._rotated = re.compile(re.escape(path.name) + r"[.-][0-9][0-9T._:-]*")
        self._file: int | None = None
        self._head: int | None = None
        self._offset = 0
        self._line: int | None = 0
        self.start = Start(None, 0, 0)
        """Of the lines read last."""
        self._done: tuple[int, ...] = position.done if position else ()
        self.gaps = 0
        """How often what followed the last line read was nowhere to be found."""
        self._sought = position

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @property
    def position(self) -> Position | None:
        """Where to go on; None before the file was there."""
        if self._file is None:
            return self._sought
        stat = os.fstat(self._file)
        return Position(self._head, stat.st_ino, self._offset, stat.st_mtime_ns, self._done, self._line)

    def begin(self) -> bool:
        """Find the file and where to go on in it, before anything is read; False while it is not there."""
        try:
            return self._file is not None or self._open_first()
        except _Moved:
            return False

    def lines(self) -> list[bytes]:
        """The next whole lines, without their ends; none where there are none now. At most a megabyte at a time."""
        try:
            return self._lines()
        except _Moved:
            return []  # a rotation is under way: look again

    def _lines(self) -> list[bytes]:
        if self._file is None and not self._open_first():
            return []
        found = self._read()
        if found or self._is_current():
            return found
        later = self._later()
        if later is None:
            return []
        rest = self._read(is_final=True)  # written before the next file was begun, and after we looked
        if rest:
            return rest
        self._leave_for(later, self._head)
        return self._read()

    # -- the open file ------------------------------------------------------------------------------------------------

    def _read(self, *, is_final: bool = False) -> list[bytes]:
        assert self._file is not None
        chunk = os.pread(self._file, CHUNK_BYTES, self._offset)
        if not self._is_as_it_was():
            self._reopen_truncated()
            return []
        end = chunk.rfind(b"\n") + 1
        if not end and (is_final or len(chunk) == CHUNK_BYTES):
            end = len(chunk)
        if not end:
            return []
        if self._head is None:
            self._head = _head_of(self._file)
        self.start = Start(self._head, self._offset, self._line)
        lines = chunk[:end].removesuffix(b"\n").split(b"\n")
        self._offset += end
        self._line = None if self._line is None else self._line + len(lines)
        return lines

    def _is_as_it_was(self) -> bool:
        """Whether nobody has truncated the file: it is no shorter than what was read of it, and begins as it did."""
        assert self._file is not None
        is_there = os.fstat(self._file).st_size >= self._offset
        return is_there and (self._head is None or _head_of(self._file) == self._head)

    def _reopen_truncated(self) -> None:
        """Go on in the copy that was made, else at the new beginning."""
        assert self._file is not None
        inode = os.fstat(self._file).st_ino
        copies = self._with_head(self._head, self._offset)
        copy = next((each for each in copies if each.inode != inode), None)
        if copy is not None:
            self._open(copy, Start(self._head, self._offset, self._line))
            return
        self.gaps += 1
        self._done = _with(self._done, self._head)
        self._head, self._offset, self._line = None, 0, 0

    def _is_current(self) -> bool:
        assert self._file is not None
        try:
            return self._path.stat().st_ino == os.fstat(self._file).st_ino
        except FileNotFoundError:
            return False

    def _open(self, found: _Sibling, at: Start) -> None:
        try:
            file = os.open(found.path, os.O_RDONLY)
        except FileNotFoundError:
            raise _Moved from None
        if os.fstat(file).st_ino != found.inode:
            os.close(file)
            raise _Moved
        self.close()
        self._file = file
        self._head, self._offset, self._line = at

    def _leave_for(self, later: _Sibling, left: int | None) -> None:
        self._open(later, Start(None, 0, 0))
        self._done = _with(self._done, left)

    # -- which file ---------------------------------------------------------------------------------------------------

    def _open_first(self) -> bool:
        sought = self._sought
        siblings = self._siblings()
        if sought is None:
            found = next((each for each in siblings if each.is_current), None)
        elif sought.head is None:
            found = next((each for each in siblings if each.inode == sought.inode), None)
        else:
            found = min(
                self._with_head(sought.head, sought.offset), key=lambda each: each.inode != sought.inode, default=None
            )
        if found is not None:
            self._open(found, Start(sought.head, sought.offset, sought.line) if sought else Start(None, 0, 0))
            return True
        if sought is not None and (later := self._those_after(sought.changed_ns, sought.head)):
            self._leave_for(later[0], sought.head)
            self.gaps += 1
            return True
        return False

    def _with_head(self, head: int | None, offset: int) -> list[_Sibling]:
        """The file of this head and its copies, where they reach to the offset."""
        return [each for each in self._siblings() if head is not None and each.head == head and each.size >= offset]

    def _later(self) -> _Sibling | None:
        """The file that was begun after the open one, once it has a first line."""
        assert self._file is not None
        stat = os.fstat(self._file)
        later = self._those_after(stat.st_mtime_ns, self._head)
        return next((each for each in later if each.inode != stat.st_ino), None)

    def _those_after(self, changed_ns: int, head: int | None) -> list[_Sibling]:
        return [
            each
            for each in self._siblings()
            if (each.is_current or each.changed_ns >= changed_ns)
            and each.head is not None
            and each.head not in (head, *self._done)
        ]

    def _siblings(self) -> list[_Sibling]:
        """The file and its rotated forms, in the order of their last change. Looked at until two looks agree: a
        rotation under way moves names while they are read."""
        before: list[tuple[int, int | None, Path]] = []
        now: list[_Sibling] = []
        for _ in range(_LOOKS):
            now = sorted(self._look(), key=lambda each: each[:3])
            names = [(each.inode, each.head, each.path) for each in now]
            if names == before:
                return now
            before = names
        return now

    def _look(self) -> list[_Sibling]:
        found = []
        for name in os.listdir(self._path.parent):  # noqa: PTH208 - names, before any of them moves
            path = self._path.parent / name
            if name != self._path.name and not self._rotated.fullmatch(name):
                continue
            try:
                file = os.open(path, os.O_RDONLY)
            except OSError:
                continue
            try:
                stat, is_current = os.fstat(file), name == self._path.name
                found.append(_Sibling(is_current, stat.st_mtime_ns, stat.st_ino, _head_of(file), stat.st_size, path))
            finally:
                os.close(file)
        return found


def first_line(path: Path) -> bytes:
    """Empty where there is none."""
    return _at(path, 0).partition(b"\n")[0]


def last_line(path: Path) -> bytes:
    """The last whole one; empty where there is none among the last bytes."""
    try:
        start = max(0, path.stat().st_size - _TAIL_BYTES)
    except OSError:
        return b""
    return _at(path, start).rpartition(b"\n")[0].rpartition(b"\n")[2]


def _at(path: Path, start: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(_TAIL_BYTES)
    except OSError:
        return b""


def _with(done: tuple[int, ...], head: int | None) -> tuple[int, ...]:
    return done if head is None else (*done, head)[-_DONE_HEADS:]


def _head_of(file: int) -> int | None:
    """Stands for the first line; None while it is not whole."""
    start = os.pread(file, _HEAD_BYTES, 0)
    line, end, _ = start.partition(b"\n")
    return crc32(line) if end or len(start) == _HEAD_BYTES else None
