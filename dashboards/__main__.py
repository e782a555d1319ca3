"""``python -m dashboards``: write the dashboards, or check that those written are up to date."""

from __future__ import annotations

from pathlib import Path

import click

from dashboards.build import GENERATED, stale, written
from dashboards.theme import Language


@click.command()
@click.option("--lang", type=click.Choice([each.value for each in Language]), help="Only this language; else both.")
@click.option("--check/--build", help="Write nothing; name the files that are not up to date, and exit 1.")
@click.option("--folder", type=click.Path(path_type=Path), default=GENERATED, help="Where; else beside the source.")
def main(lang: str | None, folder: Path, *, check: bool) -> None:
    """Write the Grafana dashboards as FOLDER/LANGUAGE/UID.json."""
    languages = [Language(lang)] if lang else list(Language)
    if not check:
        for file in written(folder, languages):
            click.echo(f"written: {file}")
        return
    faults = stale(folder, languages)
    for file in faults:
        click.echo(f"stale: {file}", err=True)
    raise SystemExit(1 if faults else 0)


if __name__ == "__main__":
    main()
