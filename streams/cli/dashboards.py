"""``filaviva dashboards``: the Grafana dashboards as files. They come with an extra, so nothing is imported early."""

from __future__ import annotations

import click


@click.command()
@click.argument("action", type=click.Choice(["build", "check"]))
@click.argument("folder", required=False)
@click.option("--lang", metavar="LANGUAGE", help="Only this language: pt-BR or en.  [default: both]")
def dashboards(action: str, folder: str | None, lang: str | None) -> None:
    """Write the Grafana dashboards as FOLDER/LANGUAGE/UID.json, in Portuguese and English.

    `check` compares instead: it names the files that this version would write otherwise, and exits 1. Without FOLDER:
    beside the source. Needs the extra: pip install 'filaviva[dashboards]'.

    For example: filaviva dashboards build /var/lib/grafana/dashboards --lang pt-BR
    """
    try:
        from dashboards.build import main  # noqa: PLC0415 - the service must start without the extra
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("grafana_foundation_sdk"):
            raise
        raise click.ClickException("the dashboards need an extra: pip install 'filaviva[dashboards]'") from None
    chosen = [*(["--folder", folder] if folder else []), *(["--lang", lang] if lang else [])]
    main([f"--{action}", *chosen], prog_name="filaviva dashboards")
