"""A log file followed: rotation by name, by copy, truncation, restarts of the reader: each line once and in order."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from streams.movers.followed_log import FollowedLog, Position


class Writer:
    """Writes numbered lines into a log as a program does that keeps it open, and rotates it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "queue_log"
        self.written: list[bytes] = []
        self._numbers = count()
        self._file = self.path.open("ab", buffering=0)

    def write(self, lines: int = 1, ending: bytes = b"\n") -> None:
        for _ in range(lines):
            line = b"line %d" % next(self._numbers)
            self.written.append(line)
            self._file.write(line + ending)

    def rename(self, *, reopens: bool = True) -> None:
        """As logrotate does: queue_log becomes queue_log.1, that .2 and so on."""
        endings = [path.name.rpartition(".")[2] for path in self.path.parent.glob("queue_log.[0-9]*")]
        numbers = sorted(int(ending) for ending in endings if ending.isdigit())
        for number in reversed(numbers):
            (self.path.parent / f"queue_log.{number}").rename(self.path.parent / f"queue_log.{number + 1}")
        self.path.rename(self.path.parent / "queue_log.1")
        self.wait_for_the_clock()
        self.path.touch()
        if reopens:
            self.reopen()

    def reopen(self) -> None:
        self._file.close()
        self._file = self.path.open("ab", buffering=0)

    def copy_and_truncate(self, name: str = "queue_log-20261126") -> None:
        shutil.copyfile(self.path, self.path.parent / name)
        self.truncate()

        self.wait_for_the_clock()

    def wait_for_the_clock(self) -> None:
        """Until the file system writes a later time: nobody rotates twice in a few milliseconds."""
        scratch = self.path.parent / "scratch"
        newest_ns = max(path.stat().st_mtime_ns for path in self.path.parent.glob("queue_log*"))
        while True:
            scratch.write_bytes(b".")
            if scratch.stat().st_mtime_ns > newest_ns:
                return

    def truncate(self) -> None:
        os.truncate(self.path, 0)

    def close(self) -> None:
        self._file.close()


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path)
    yield writer
    writer.close()


def all_lines(log: FollowedLog) -> list[bytes]:
    """Everything there is now; a look that finds nothing may only have noticed that the file changed."""
    lines: list[bytes] = []
    idle = 0
    while idle < 3:
        found = log.lines()
        lines += found
        idle = 0 if found else idle + 1
    return lines


def again(log: FollowedLog) -> FollowedLog:
    """Another process that goes on from what was written down."""
    position = log.position
    log.close()
    return FollowedLog(
        log._path, None if position is None else msgspec.json.decode(msgspec.json.encode(position), type=Position)
    )


def test_lines_come_as_they_are_written(writer: Writer) -> None:
    """A line that is not finished waits for its end."""
    log = FollowedLog(writer.path)
    writer.write(3)
    writer.write(1, ending=b"")
    assert all_lines(log) == writer.written[:3]
    writer._file.write(b"\n")
    assert all_lines(log) == writer.written[3:]
    log.close()


def test_a_log_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    """Also by name only: after a rotation it is made anew."""
    log = FollowedLog(tmp_path / "queue_log")
    assert log.lines() == []
    assert log.position is None
    writer = Writer(tmp_path)
    writer.write(2)
    assert all_lines(log) == writer.written
    log.close()
    writer.close()


def test_a_renamed_file_is_read_to_its_end(writer: Writer) -> None:
    """The writer goes on in the old file for a while; the new one is empty until then."""
    log = FollowedLog(writer.path)
    writer.write(2)
    assert all_lines(log) == writer.written
    writer.rename(reopens=False)
    assert all_lines(log) == []
    writer.write(2)
    assert all_lines(log) == writer.written[2:]
    writer.write(1, ending=b"")
    writer.reopen()
    writer.write(2)
    assert all_lines(log) == writer.written[4:]
    log.close()


def test_rotations_nobody_looked_at_are_read_in_order(writer: Writer) -> None:
    """Five in a row, whether the reader runs or not."""
    for restarts in (False, True):
        log = FollowedLog(writer.path)
        before = len(writer.written)
        writer.write(2)
        assert log.lines()
        for _ in range(5):
            writer.write(2)
            writer.rename()
        writer.write(1)
        log = again(log) if restarts else log
        assert all_lines(log) == writer.written[before + 2 :]
        log.close()
        writer.rename()


def test_what_a_truncation_took_is_read_from_the_copy(writer: Writer) -> None:
    """copytruncate: the file stays, its content is elsewhere."""
    for restarts in (False, True):
        log = FollowedLog(writer.path)
        before = len(writer.written)
        writer.write(2)
        assert len(log.lines()) == 2
        writer.write(3)
        writer.copy_and_truncate(f"queue_log-2026112{6 + restarts}")
        writer.write(4)
        log = again(log) if restarts else log
        assert all_lines(log) == writer.written[before + 2 :]
        assert log.gaps == 0
        log.close()
        writer.truncate()


def test_a_file_that_grew_longer_after_its_truncation_is_noticed(writer: Writer) -> None:
    """It is known by its first line, not by its length."""
    log = FollowedLog(writer.path)
    writer.write(2)
    assert all_lines(log) == writer.written
    writer.truncate()
    writer.write(50)
    assert all_lines(log) == writer.written[2:]
    assert log.gaps == 1
    log.close()


def test_a_file_that_is_gone_is_a_gap_and_those_after_it_are_read(writer: Writer) -> None:
    """Compressed or removed while nobody read."""
    log = FollowedLog(writer.path)
    writer.write(2)
    assert all_lines(log) == writer.written
    writer.write(3)
    writer.rename()
    writer.write(2)
    writer.rename()
    writer.write(1)
    (writer.path.parent / "queue_log.2").unlink()
    log.close()
    log = FollowedLog(writer.path, log._sought or Position(_head(b"line 0"), 1, 14, 0))
    assert all_lines(log) == writer.written[5:]
    assert log.gaps == 1
    log.close()


def _head(line: bytes) -> int:
    from zlib import crc32  # noqa: PLC0415 - how a head is made is nobody else's business here

    return crc32(line)


def test_siblings_of_other_names_are_left_alone(writer: Writer) -> None:
    """Backups and compressed files."""
    log = FollowedLog(writer.path)
    writer.write(2)
    assert all_lines(log) == writer.written
    for name in ("queue_log.1.gz", "queue_log.bak", "queue_log_old", "full"):
        (writer.path.parent / name).write_bytes(b"other\n")
    writer.rename()
    assert all_lines(log) == []
    writer.write(1)
    assert all_lines(log) == writer.written[2:]
    log.close()


def test_a_line_without_end_is_given_in_parts(writer: Writer) -> None:
    """Memory is bounded; the mapping refuses the parts."""
    log = FollowedLog(writer.path)
    writer._file.write(b"x" * 2_500_000 + b"\n")
    writer.write(1)
    lines = all_lines(log)
    assert max(len(line) for line in lines) <= 1024 * 1024
    assert lines[-1] == b"line 0"
    log.close()


_acts = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.integers(1, 4)),
        st.sampled_from([("rename", 0), ("late", 0), ("copy", 0), ("read", 0), ("look", 0), ("again", 0)]),
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(_acts)
def test_whatever_is_done_to_the_log_each_line_comes_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int]]
) -> None:
    """Rotations by name and by copy, early and late reopening, restarts of the reader, in any order. A file is only
    rotated with something in it, as logrotate's notifempty has it."""
    writer = Writer(tmp_path_factory.mktemp("log"))
    log = FollowedLog(writer.path)
    writer.write(1)
    read = log.lines()
    for number, (act, lines) in enumerate(acts):
        if act == "write":
            writer.write(lines)
        elif act in ("rename", "copy", "late") and writer.path.stat().st_size:
            if act == "copy":
                writer.copy_and_truncate(f"queue_log-{number}")
            else:
                writer.rename(reopens=act == "rename")
        elif act == "look":
            read += log.lines()
        elif act == "read":
            read += all_lines(log)
        elif act == "again":
            log = again(log)
    writer.reopen()
    writer.write(1)
    read += all_lines(log)
    log.close()
    writer.close()
    assert read == writer.written
    assert log.gaps == 0
