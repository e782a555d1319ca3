"""Prometheus, promtool, Alertmanager and amtool: those on the PATH, or Debian's, unpacked once into a cache folder.

The packages are only unpacked: nothing is installed, no service starts, nobody needs to be root. Where the package
lists of the machine are empty, as in a fresh container, they are fetched into the cache as well.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

PROJECT = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("prometheus", "prometheus-alertmanager")
PROGRAMS: Final = ("prometheus", "promtool", "prometheus-alertmanager", "amtool")
TOOLS: Final = ("apt-get", "dpkg-deb")
DOWNLOAD_SECONDS = 300
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
    """Into a scratch folder, then in place at once: runs at the same time do not disturb each other."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="prometheus-download-") as scratch:
        packages = Path(scratch) / "packages"
        packages.mkdir()
        if not _downloaded(packages, ()):
            own_lists = _own_lists(Path(scratch))
            _run("apt-get", *own_lists, "update", folder=packages)
            _run("apt-get", *own_lists, "download", *PACKAGES, folder=packages)
        fresh = Path(scratch) / "unpacked"
        for package in packages.glob("*.deb"):
            _run("dpkg-deb", "-x", str(package), str(fresh), folder=packages)
        _make_movable(fresh)
        if not _is_complete(folder):
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)


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


def _downloaded(folder: Path, options: tuple[str, ...]) -> bool:
    try:
        _run("apt-get", *options, "download", *PACKAGES, folder=folder)
    except RuntimeError:
        return False
    return True


def _own_lists(scratch: Path) -> tuple[str, ...]:
    """Options that keep apt's lists and caches in a folder of our own."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (scratch / part).mkdir(parents=True)
    return "-o", f"Dir::State={scratch / 'state'}", "-o", f"Dir::Cache={scratch / 'cache'}"


def _run(*command: str, folder: Path) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DOWNLOAD_SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


def _is_complete(folder: Path) -> bool:
    return (folder / STAMP).is_file() and all((folder / "usr" / "bin" / name).is_file() for name in PROGRAMS)
