"""The options that say which cluster a command talks to: a configuration file, or brokers and prefix."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click
import msgspec

from streams.cli.check import EXIT_CONFIGURATION, settings_or_exit
from streams.connections import client_options, librdkafka_options
from streams.errors import ConfigError, Unavailable
from streams.settings import kafka_password
from streams.settings_document import diagnose
from streams.settings_secrets import Secret
from streams.settings_sections import Kafka
from streams.topics import DEFAULT_PARTITIONS


@dataclass(frozen=True, slots=True)
class KafkaTarget:
    """A cluster and the installation in it; the options connect a kafka-python client and a librdkafka producer."""

    brokers: tuple[str, ...]
    prefix: str
    partitions: int
    replication: int
    event_clock: bool
    client_options: dict[str, Any]
    producer_options: dict[str, str | int]


def with_kafka_target(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options and, as ``target``, what they say.

    A wrong configuration ends it with exit status 2, a broker that is away with 1, each with a plain message.
    """

    @click.option("--config", type=click.Path(path_type=Path), help="The configuration file (YAML).")
    @click.option("--brokers", metavar="HOST:PORT[,…]", help="Brokers without TLS or login, instead of --config.")
    @click.option("--prefix", help="First part of every topic name.  [default: filaviva]")
    @click.option("--partitions", type=int, help=f"Partitions of every topic.  [default: {DEFAULT_PARTITIONS}]")
    @wraps(command)
    def wrapped(
        config: Path | None, brokers: str | None, prefix: str | None, partitions: int | None, **rest: Any
    ) -> None:
        quiet_clients()
        with errors_told():
            overrides = {"brokers": brokers, "prefix": prefix, "partitions": partitions}
            command(target=_target(config, {key: value for key, value in overrides.items() if value}), **rest)

    return wrapped


@contextmanager
def errors_told() -> Iterator[None]:
    """Our own errors end a command with a plain message: exit status 2 for what was configured, 1 for what is away."""
    try:
        yield
    except ConfigError as error:
        for where, expected in error.problems:
            click.echo(f"{where}: {expected}", err=True)
        raise SystemExit(EXIT_CONFIGURATION) from None
    except Unavailable as error:
        raise click.ClickException(str(error)) from None


def quiet_clients() -> None:
    """The commands tell failures in their own words."""
    for client in ("kafka", "librdkafka"):
        logging.getLogger(client).setLevel(logging.CRITICAL)


def _target(config: Path | None, given: dict[str, Any]) -> KafkaTarget:
    if (config is None) == ("brokers" not in given):
        raise click.UsageError("give either --config FILE or --brokers HOST:PORT")
    if config is None:
        return _of_options(given)
    if given:
        raise click.UsageError(f"--{next(iter(given))} is in the file that --config names")
    return target_of_file(config)


def target_of_file(config: Path) -> KafkaTarget:
    """The cluster of a configuration; of its secrets the brokers' password alone is read, where they ask for one."""
    settings = settings_or_exit(config, resolve_secrets=False)
    password = kafka_password(settings.kafka, config.parent)
    event_clock = settings.clock.mode == "event"
    return _of_section(settings.kafka, password, folder=config.parent, event_clock=event_clock)


def _of_options(given: dict[str, Any]) -> KafkaTarget:
    """The same limits as in a file, in the same words."""
    brokers = [broker.strip() for broker in given["brokers"].split(",")]
    section = {**given, "brokers": brokers}
    problems = diagnose(Kafka, section)
    if problems:
        raise click.UsageError("; ".join(f"--{where.partition('[')[0]}: {expected}" for where, expected in problems))
    return _of_section(msgspec.convert(section, Kafka))


def _of_section(
    kafka: Kafka, password: Secret | None = None, *, folder: Path | None = None, event_clock: bool = False
) -> KafkaTarget:
    return KafkaTarget(
        brokers=kafka.brokers,
        prefix=kafka.prefix,
        partitions=kafka.partitions,
        replication=kafka.replication,
        event_clock=event_clock,
        client_options=client_options(kafka, password, folder=folder),
        producer_options=librdkafka_options(kafka, password, folder=folder),
    )
