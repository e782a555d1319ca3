"""Dashboards as files: ``<folder>/<language>/<uid>.json``, the same bytes from the same source."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import callbacks, compliance, pipeline, queue, supervisor, wall
from dashboards.theme import Language

GENERATED: Final = Path(__file__).parent / "generated"
BOARDS: Final = tuple(each.BOARD for each in (wall, supervisor, queue, callbacks, compliance, pipeline))


@click.command()
@click.option("--lang", type=click.Choice([each.value for each in Language]), help="Only this language; else both.")
@click.option("--check/--build", help="Write nothing; name the files that are not up to date, and exit 1.")
@click.option("--folder", type=click.Path(path_type=Path), default=GENERATED, help="Where; else beside the source.")
def main(lang: str | None, folder: Path, *, check: bool) -> None:
    """Write the Grafana dashboards as FOLDER/LANGUAGE/UID.json."""
    languages = [Language(lang)] if lang else list(Language)
    wanted = documents(folder, languages)
    if not check:
        for file, document in wanted.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(document, encoding="utf-8")
            click.echo(f"written: {file}")
        return
    files = [file for language in languages for file in (folder / language).glob("*.json")]
    found = {file: file.read_text(encoding="utf-8") for file in files}
    stale = sorted(file for file in wanted | found if wanted.get(file) != found.get(file))
    for file in stale:
        click.echo(f"stale: {file}", err=True)
    raise SystemExit(1 if stale else 0)


def documents(folder: Path, languages: Sequence[Language]) -> dict[Path, str]:
    """Every file there should be, with its text."""
    return {
        folder / language / f"{board.uid}.json": _document(board.build(language))
        for language in languages
        for board in BOARDS
    }


def _document(dashboard: Dashboard) -> str:
    """As JSON. Links and annotations lose the place the library gives them: a menu in which nobody finds them."""
    whole = json.loads(JSONEncoder().encode(dashboard))
    for shown in [*whole.get("links", ()), *whole["annotations"].get("list", ())]:
        shown.pop("placement", None)
    return json.dumps(whole, sort_keys=True, indent=2, ensure_ascii=False) + "\n"
