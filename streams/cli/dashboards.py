"""``filaviva dashboards``: the Grafana dashboards as files. They come with an extra, so nothing is imported early."""

from __future__ import annotations

import click


@click.command()
@click.argument("action", type=click.Choice(["build", "check"]))
@click.argument("folder", required=False)
def dashboards(action: str, folder: str | None) -> None:
    """Write the Grafana dashboards as FOLDER/LANGUAGE/UID.json, in Portuguese and English.

    `check` compares instead: it names the files that this version would write otherwise, and exits 1. Without FOLDER:
    beside the source. Needs the extra: pip install 'filaviva[dashboards]'.

    For example: filaviva dashboards build /var/lib/grafana/dashboards
    """
    try:
        from dashboards.build import main  # noqa: PLC0415 - the service must start without the extra
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("grafana_foundation_sdk"):
            raise
        raise click.ClickException("the dashboards need an extra: pip install 'filaviva[dashboards]'") from None
    main([f"--{action}", *(["--folder", folder] if folder else [])], prog_name="filaviva dashboards")
