"""Where mail lies: Maildir and mbox on this machine. What is new since a mark, headers alone; nothing is changed.

A mark is plain JSON: what a mover keeps beside its mapping. Whatever comes twice, because a mark was lost, is known by
its message id to the mapping and the worker.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final, Protocol

from streams.errors import Unavailable
from streams.sources.mail import MAX_HEADER_BYTES, Mail, Origin

Marks = Mapping[str, Any]
_DELIVERED: Final = re.compile(r"(\d{9,11})\.")
_FROM_LINE: Final = b"From "
_COMPARED_BYTES: Final = 1024


class Mailbox(Protocol):
    """A place with mail of one queue: what came in, and what was sent where that is kept."""

    def new(self, marks: Marks) -> tuple[list[Mail], dict[str, Any]]:
        """The mails that have come since, and the marks after them. Raises Unavailable.

        What was sent is looked at before what came in, so that a reply never comes without its question.
        """
        ...

    def close(self) -> None:
        """Let go of what was opened."""
        ...


class Maildir:
    """``folder`` with ``new`` and ``cur``; ``sent`` is another. The mark is the names that are known, without the flags
    behind them."""

    def __init__(self, name: str, folder: Path, sent: Path | None = None) -> None:
        self._name = name
        self._folders = [("sent", sent, True)] if sent else []
        self._folders.append(("inbox", folder, False))

    def new(self, marks: Marks) -> tuple[list[Mail], dict[str, Any]]:
        mails: list[Mail] = []
        after: dict[str, Any] = {}
        for key, folder, is_sent in self._folders:
            found = _in_maildir(folder)
            known = set(marks.get(key, ()))
            for unique in sorted(found.keys() - known):
                mail = self._mail(found[unique], is_sent=is_sent)
                if mail is None:
                    del found[unique]
                else:
                    mails.append(mail)
            after[key] = sorted(found)
        return mails, after

    def close(self) -> None:
        """Nothing is held open."""

    def _mail(self, path: Path, *, is_sent: bool) -> Mail | None:
        """None where it has moved meanwhile: the next look finds it under its new name."""
        try:
            with path.open("rb") as file:
                header = _header(file)
            delivered = _DELIVERED.match(path.name)
            arrived_ms = int(delivered[1]) * 1000 if delivered else round(path.stat().st_mtime * 1000)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unavailable(f"{path} cannot be read: {error.strerror}") from None
        unique = path.name.partition(":")[0]
        origin = Origin(unique, int(is_sent), zlib.crc32(unique.encode()))
        return Mail(self._name, header, arrived_ms, is_sent, origin)


class Mbox:
    """One file, written at its end; ``sent`` is another. The mark is how far was read, and what stands before: where it
    is not there any more (a mail was taken out, the file was begun anew), the file is read anew."""

    def __init__(self, name: str, file: Path, sent: Path | None = None) -> None:
        self._name = name
        self._files = [("sent", sent, True)] if sent else []
        self._files.append(("inbox", file, False))

    def new(self, marks: Marks) -> tuple[list[Mail], dict[str, Any]]:
        mails: list[Mail] = []
        after: dict[str, Any] = {}
        for key, path, is_sent in self._files:
            try:
                with path.open("rb") as file:
                    offset, before = marks.get(key, (0, 0))
                    if _before(file, offset) != before:
                        offset = 0
                    for end, header in _in_mbox(file, offset):
                        origin = Origin(f"{path.name}, byte {end - len(header)}", zlib.crc32(header), end - len(header))
                        mails.append(Mail(self._name, header, None, is_sent, origin))
                        offset = end
                    after[key] = [offset, _before(file, offset)]
            except OSError as error:
                raise Unavailable(f"{path} cannot be read: {error.strerror}") from None
        return mails, after

    def close(self) -> None:
        """Nothing is held open."""


def _in_maildir(folder: Path) -> dict[str, Path]:
    """The name of each mail, without its flags, and where it is."""
    found: dict[str, Path] = {}
    for part in ("new", "cur"):
        try:
            files = [each for each in (folder / part).iterdir() if not each.name.startswith(".")]
        except OSError as error:
            raise Unavailable(f"{folder / part} cannot be read: {error.strerror}") from None
        found |= {each.name.partition(":")[0]: each for each in files}
    return found


def _header(file: IO[bytes]) -> bytes:
    """Up to the empty line; of what never ends a byte more than is taken, so that it is refused."""
    lines = []
    size = 0
    for line in file:
        lines.append(line)
        size += len(line)
        if line in (b"\n", b"\r\n") or size > MAX_HEADER_BYTES:
            break
    return b"".join(lines)


def _is_whole(header: bytes) -> bool:
    return header.endswith((b"\n\n", b"\r\n\r\n")) or header in (b"\n", b"\r\n") or len(header) > MAX_HEADER_BYTES


def _before(file: IO[bytes], offset: int) -> int:
    """Stands for what the file holds before an offset."""
    start = max(0, offset - _COMPARED_BYTES)
    file.seek(start)
    return zlib.crc32(file.read(offset - start))


def _in_mbox(file: IO[bytes], offset: int) -> Iterator[tuple[int, bytes]]:
    """Each mail's header, and where the reading stands after it: behind a header that is whole, inside the body."""
    file.seek(offset)
    was_blank = True  # the file's beginning, or where the last reading stopped: behind a header's empty line
    while line := file.readline(MAX_HEADER_BYTES):
        if was_blank and line.startswith(_FROM_LINE):
            header = _header(file)
            if not _is_whole(header):
                return  # it is still being written
            yield file.tell(), header
            was_blank = True
            continue
        was_blank = line in (b"\n", b"\r\n")
