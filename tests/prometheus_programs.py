"""Prometheus, promtool, Alertmanager and amtool: those on the PATH, or Debian's, unpacked once into a cache folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from tests.debian_packages import TOOLS, unpack

PROJECT = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("prometheus", "prometheus-alertmanager")
PROGRAMS: Final = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
STAMP: Final = "movable"
_SHARED: Final = Path("usr") / "share" / "prometheus" / "alertmanager"


def programs_unavailable_reason() -> str | None:
    """What is missing, in words for whoever must install it; None when the programs are there or can be fetched."""
    if all(map(shutil.which, PROGRAMS)) or _is_complete(program_folder()):
        return None
    absent = [tool for tool in TOOLS if shutil.which(tool) is None]
    if absent:
        return f"no {' and no '.join(PACKAGES)} on the PATH, and no {', '.join(absent)} to fetch them with"
    return None


def program_folder() -> Path:
    """Where the unpacked programs are, or will be. FILAVIVA_CACHE moves the cache out of the project."""
    return Path(os.environ.get("FILAVIVA_CACHE") or PROJECT / ".cache") / "prometheus"


def program(name: str) -> str:
    """The path of one of the programs, fetched first if need be. Raises RuntimeError where it cannot be had."""
    found = shutil.which(name)
    if found:
        return found
    folder = program_folder()
    if not _is_complete(folder):
        _fetch(folder)
    return str(folder / "usr" / "bin" / name)


def _fetch(folder: Path) -> None:
    unpack(PACKAGES, folder, finish=_make_movable, is_complete=_is_complete)


def _make_movable(folder: Path) -> None:
    """Debian's Alertmanager reads its default templates under /usr/share, where nothing is installed: in the unpacked
    copy that path becomes an equally long one that means the folder it is started in."""
    manager = folder / "usr" / "bin" / "prometheus-alertmanager"
    installed = b"/" + os.fsencode(_SHARED)
    here = b"./" * (len(installed) // 2)
    assert len(here) == len(installed)
    manager.write_bytes(manager.read_bytes().replace(installed, here))
    (folder / STAMP).touch()


def start_folder(otherwise: Path) -> Path:
    """Where the unpacked Alertmanager finds its default templates; an installed one may start anywhere."""
    folder = program_folder() / _SHARED
    return otherwise if shutil.which("prometheus-alertmanager") else folder


def _is_complete(folder: Path) -> bool:
    return (folder / STAMP).is_file() and all((folder / "usr" / "bin" / name).is_file() for name in PROGRAMS)
