"""Debian's packages, unpacked into a folder: nothing is installed, no service starts, nobody needs to be root.

Where the package lists of the machine are empty, as in a fresh container, they are fetched as well.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

TOOLS: Final = ("apt-get", "dpkg-deb")
DOWNLOAD_SECONDS = 300


def unpack(
    packages: Sequence[str], folder: Path, *, finish: Callable[[Path], None], is_complete: Callable[[Path], bool]
) -> None:
    """Into a scratch folder, finished there, then in place at once: runs at the same time do not disturb each other.
    Raises RuntimeError where the packages cannot be had."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{folder.name}-download-") as scratch:
        downloads = Path(scratch) / "packages"
        downloads.mkdir()
        if not _downloaded(packages, downloads):
            own_lists = _own_lists(Path(scratch))
            _run("apt-get", *own_lists, "update", folder=downloads)
            _run("apt-get", *own_lists, "download", *packages, folder=downloads)
        fresh = Path(scratch) / "unpacked"
        for package in downloads.glob("*.deb"):
            _run("dpkg-deb", "-x", str(package), str(fresh), folder=downloads)
        finish(fresh)
        if not is_complete(folder):
            shutil.rmtree(folder, ignore_errors=True)
            fresh.rename(folder)


def _downloaded(packages: Sequence[str], folder: Path) -> bool:
    try:
        _run("apt-get", "download", *packages, folder=folder)
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
