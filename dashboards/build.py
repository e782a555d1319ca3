"""Dashboards as files: ``<folder>/<language>/<uid>.json``, the same bytes from the same source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.pipeline import UID, pipeline
from dashboards.theme import Language

GENERATED: Final = Path(__file__).parent / "generated"
DASHBOARDS: Final = {UID: pipeline}


def written(folder: Path, languages: Sequence[Language]) -> list[Path]:
    """Write every dashboard; returns the files."""
    documents = _documents(folder, languages)
    for file, document in documents.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(document, encoding="utf-8")
    return list(documents)


def stale(folder: Path, languages: Sequence[Language]) -> list[Path]:
    """The files that are not what the source gives: changed, missing, or no longer made."""
    wanted = _documents(folder, languages)
    files = [file for language in languages for file in (folder / language).glob("*.json")]
    found = {file: file.read_text(encoding="utf-8") for file in files}
    return sorted(file for file in wanted | found if wanted.get(file) != found.get(file))


def _documents(folder: Path, languages: Sequence[Language]) -> dict[Path, str]:
    encoder = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False)
    return {
        folder / language / f"{uid}.json": encoder.encode(dashboard(language)) + "\n"
        for language in languages
        for uid, dashboard in DASHBOARDS.items()
    }
