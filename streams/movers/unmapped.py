"""Vendors' queue names that no dictionary has, kept for ``filaviva ingest discover``: one small file per source."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.movers.kept import keep, kept
from streams.sources.dictionary import QueueDictionary

_ENDING: Final = ".unmapped.json"


@dataclass(slots=True)
class UnmappedNames:
    """The names one source has met in vain, beside those of the other movers in ``folder``.

    Counts are added up over restarts; a crash may lose what was met since the last ``save``, never a name for good: a
    mover that goes on reads those records again.
    """

    folder: Path
    dictionary: QueueDictionary

    def save(self) -> None:
        """Write them down where there are new ones. Cheap to call."""
        met = self.dictionary.unmapped
        if met:
            path = self.folder / f"{self.dictionary.source}{_ENDING}"
            keep(path, {"names": dict(Counter(_names(path)) + met)})
            met.clear()


def unmapped_names(folder: Path) -> dict[str, dict[str, int]]:
    """Source to names and how often each was met, of every mover that keeps its files in the folder."""
    files = sorted(folder.glob(f"*{_ENDING}"))
    return {file.name.removesuffix(_ENDING): _names(file) for file in files}


def _names(path: Path) -> dict[str, int]:
    names = (kept(path) or {}).get("names")
    return names if isinstance(names, dict) else {}
