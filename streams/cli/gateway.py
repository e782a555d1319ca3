"""``filaviva gateway``: the HTTP listener for sources that do not write to Kafka themselves."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import click
import uvloop

from streams.cli.check import settings_or_exit
from streams.cli.ingest import STATE_FOLDER
from streams.cli.kafka_target import KafkaTarget, errors_told, target_of_file
from streams.domain.events import CALLBACK_RESULTS, COMMANDS
from streams.errors import ConfigError
from streams.gateway.delivery import DELIVERY_SECONDS, Delivery
from streams.gateway.entrances import MAPPINGS, PATH, Entrance
from streams.gateway.figures import GatewayFigures
from streams.gateway.mapped import MappedFeed
from streams.gateway.server import GatewayServer
from streams.logs import configure_logging
from streams.publisher import Publisher
from streams.settings import receiver_secrets
from streams.settings_sections import Gateway
from streams.topics import TOPICS

logger = logging.getLogger(__name__)

NOT_OF_PLATFORMS: Final = (COMMANDS, CALLBACK_RESULTS)
"""Input topics that whoever may write events of platforms need not even see."""
EntrancesOf = Callable[[Delivery], Mapping[tuple[str, str], Entrance]]
BYTES_PER_MIB = 1024 * 1024


@click.command()
@click.option(
    "--config", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The configuration file."
)
@click.option(
    "--state",
    default=STATE_FOLDER,
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder that keeps what the webhooks of platforms need to survive a restart.",
)
def gateway(config: Path, state: Path) -> None:
    """Take events over HTTP until SIGTERM or Ctrl-C.

    POST /in/TENANT/SOURCE takes CloudEvents in structured, binary and batch mode from the sources that
    `gateway.receivers` lists, each signed or with a bearer token. The answer is 200 once Kafka has the events on all
    replicas. 429 and 503 ask to send the same again later; sending twice is harmless, the worker counts an event id
    once. /healthz, /readyz and /metrics say how it does. Start as many as you like with the same configuration.

    For example: filaviva gateway --config filaviva.yaml
    """
    with errors_told():
        settings = settings_or_exit(config, resolve_secrets=False)
        configure_logging(settings.worker.log_format, settings.worker.log_level)
        section = settings.gateway
        if section is None:
            raise ConfigError([("gateway", "expected the section gateway, with at least one receiver")])
        secrets = receiver_secrets(section, config.parent)
        publisher = _publisher(target_of_file(config))

        def entrances(delivery: Delivery) -> dict[tuple[str, str], Entrance]:
            found = {}
            for each in section.receivers:
                make = MAPPINGS.get(each.kind)
                names = settings.queue_dictionary(each.source)
                feed = MappedFeed(names, make, state, delivery) if make else None
                found[each.tenant, each.source] = Entrance(each, secrets[each.tenant, each.source], delivery, feed)
            return found

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            is_broken = runner.run(_serve(section, publisher, entrances))
    if is_broken:
        raise click.ClickException("the Kafka client cannot go on; start the gateway again")


def _publisher(target: KafkaTarget) -> Publisher:
    publisher = Publisher(
        target.brokers,
        target.prefix,
        target.producer_options,
        answers_for_each=True,
        delivery_seconds=DELIVERY_SECONDS,
    )
    publisher.require(spec.name for spec in TOPICS if spec.is_input and spec.name not in NOT_OF_PLATFORMS)
    return publisher


async def _serve(section: Gateway, publisher: Publisher, entrances_of: EntrancesOf) -> bool:
    """Serve until told to stop, then answer what is under way. True where it ended because Kafka's client broke."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[bool] = loop.create_future()

    def end(*, is_broken: bool) -> None:
        if not ended.done():
            ended.set_result(is_broken)

    delivery = Delivery(publisher, on_broken=lambda: end(is_broken=True))
    entrances = entrances_of(delivery)
    delivery.start()
    server = GatewayServer(
        entrances,
        delivery,
        GatewayFigures(entrances),
        max_in_flight_bytes=section.max_in_flight_mib * BYTES_PER_MIB,
        max_requests=section.max_requests,
        max_connections=section.max_connections,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, partial(end, is_broken=False))
    try:
        port = await server.start(section.host, section.port)
    except OSError as error:
        raise ConfigError([("gateway.port", f"expected an address that can be had: {error.strerror}")]) from None
    logger.info("the gateway listens at http://%s:%d%s", section.host, port, PATH)
    is_broken = await ended
    logger.info("the gateway stops: it answers what is under way")
    await server.stop()
    await loop.run_in_executor(None, delivery.stop)
    return is_broken
