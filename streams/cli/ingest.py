"""``filaviva ingest``: what other systems tell, as events on our topics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from streams.cli.check import settings_or_exit
from streams.cli.ingest_ami import ami
from streams.cli.ingest_kafka import kafka
from streams.cli.ingest_mail import imap, maildir, mbox
from streams.cli.ingest_queue_log import queue_log
from streams.movers.unmapped import unmapped_names

STATE_FOLDER: Final = "filaviva-ingest"
"""Where movers keep what must survive them, unless told otherwise."""


@click.group()
def ingest() -> None:
    """Bring what telephony, chat and mail platforms tell into the topics.

    Each platform is a source; `vendor_queues` in the configuration says which queue is meant by its names.
    """


@ingest.command()
@click.option("--config", required=True, type=click.Path(path_type=Path), help="The configuration file (YAML).")
@click.option(
    "--state",
    default=STATE_FOLDER,
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="The folder in which the movers keep their files.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
def discover(config: Path, state: Path, *, as_json: bool) -> None:
    """List the queue names that were met and that `vendor_queues` does not have.

    For example: filaviva ingest discover --config filaviva.yaml
    """
    settings = settings_or_exit(config, resolve_secrets=False)
    listed = {(entry.source, entry.name) for entry in settings.vendor_queues}
    missing = {
        source: {name: count for name, count in sorted(names.items()) if (source, name) not in listed}
        for source, names in unmapped_names(state).items()
    }
    if as_json:
        click.echo(json.dumps({"unmapped": missing}, ensure_ascii=False))
        return
    if not any(missing.values()):
        click.echo("every queue name that was met is in vendor_queues")
        return
    click.echo("# add to vendor_queues of the configuration, with the tenant and queue meant:")
    for source, names in missing.items():
        for name, count in names.items():
            text = json.dumps(name, ensure_ascii=False)
            click.echo(f"  - {{source: {source}, name: {text}, tenant: , queue: }}   # met {count} times")


for _command in (queue_log, ami, kafka, maildir, mbox, imap):
    ingest.add_command(_command)
