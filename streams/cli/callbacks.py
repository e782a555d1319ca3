"""``filaviva callbacks``: see the plans to call customers back, and tell the service what to do about them."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from streams.cli.check import settings_or_exit
from streams.cli.dialers import conformance, dial
from streams.cli.kafka_target import KafkaTarget, errors_told, target_of_file, with_kafka_target
from streams.domain.decoding import parse_time
from streams.domain.encoding import iso_time
from streams.domain.events import COMMAND_TYPES, COMMANDS, Customer, QueueCommand
from streams.domain.plans import OPEN_STATES
from streams.domain.privacy import Address, Pseudonyms, TenantKey
from streams.errors import ConfigError
from streams.publisher import Publisher
from streams.routing import Route
from streams.topic_reading import TopicReader
from streams.topics import CALLBACK_PLANS, full_name

SOURCE: Final = "filaviva-cli"
STATES: Final = (*sorted(OPEN_STATES), "recovered", "cancelled", "expired", "blocked")
MOST_LISTED: Final = 50
Plan = Mapping[str, Any]

_as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
_tenant = click.option("--tenant", help="Whose customer or callback queue; needed where a plan does not tell.")
_at = click.option("--at", "at", metavar="TIME", help="When the command counts from (RFC 3339).  [default: now]")


@click.group()
def callbacks() -> None:
    """See the callback plans, and command what the service does about them.

    Plans are read from the topic callback-plans, which holds no telephone number. Commands are events on the topic
    commands: they count from their time on, whichever worker reads them, and are kept for 7 days.
    """


callbacks.add_command(conformance)
callbacks.add_command(dial)


# -- seeing -----------------------------------------------------------------------------------------------------------


@callbacks.command("list")
@with_kafka_target
@click.option("--state", "states", multiple=True, type=click.Choice([*STATES, "open"]), help="Only these; repeatable.")
@click.option("--queue", help="Only plans of this callback queue.")
@click.option("--owed", is_flag=True, help="Only calls owed by law.")
@click.option("--limit", type=click.IntRange(min=1), default=MOST_LISTED, show_default=True, help="Of text output.")
@_as_json
def list_plans(
    target: KafkaTarget, states: tuple[str, ...], queue: str | None, limit: int, *, owed: bool, as_json: bool
) -> None:
    """List callback plans, those that have waited longest first, and count them by state.

    For example: filaviva callbacks list --state open --queue retorno-sac --config filaviva.yaml
    """
    wanted = OPEN_STATES.union(states) - {"open"} if "open" in states else frozenset(states or STATES)
    plans = [
        plan
        for plan in _plans(target).values()
        if plan["state"] in wanted and queue in (None, plan["callback_queue"]) and (plan["is_owed"] or not owed)
    ]
    plans.sort(key=lambda plan: (plan["opened_at"], plan["plan_id"]))
    counts = Counter(plan["state"] for plan in plans)
    if as_json:
        click.echo(json.dumps({"plans": plans, "by_state": counts}))
        return
    rows = [_COLUMNS, *(_row(plan) for plan in plans[:limit])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:  # a line a plan, however narrow the screen: its id is what is copied
        click.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    if len(plans) > limit:
        click.echo(f"... and {len(plans) - limit} more; --limit shows them")
    click.echo(", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "no plan")


_COLUMNS: Final = ("opened", "state", "queue", "tries", "last", "not before", "number", "plan")


def _row(plan: Plan) -> tuple[str, ...]:
    return (
        plan["opened_at"][5:16].replace("T", " "),
        plan["state"] + (f" ({plan['cause']})" if plan["cause"] else "") + (" owed" if plan["is_owed"] else ""),
        plan["callback_queue"],
        str(plan["attempts_made"]),
        plan["last_outcome"],
        (plan["not_before"] or "")[5:16].replace("T", " ") if plan["state"] in OPEN_STATES else "",
        f"…{plan['last_digits']}",
        plan["plan_id"],
    )


@callbacks.command("show")
@with_kafka_target
@click.argument("plan_id")
@_as_json
def show(target: KafkaTarget, plan_id: str, *, as_json: bool) -> None:
    """Show everything that is known of one plan. A beginning of its id will do, if no other plan begins so."""
    plan = _plan_named(target, plan_id)
    if as_json:
        click.echo(json.dumps(plan))
        return
    for name, value in plan.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        click.echo(f"{name:<15} {'' if shown is None else shown}")


def _plans(target: KafkaTarget) -> dict[str, Plan]:
    """The newest revision of every plan, by id."""
    newest: dict[str, Plan] = {}
    with TopicReader(target.brokers, target.client_options) as reader:
        for record in reader.records(full_name(target.prefix, CALLBACK_PLANS), lambda _: None):
            if record.value is None:
                continue
            data = msgspec.json.decode(record.value)["data"]
            known = newest.get(data["plan_id"])
            if known is None or data["revision"] > known["revision"]:
                newest[data["plan_id"]] = data
    return newest


def _plan_named(target: KafkaTarget, plan_id: str) -> Plan:
    found = [plan for name, plan in _plans(target).items() if name.startswith(plan_id)]
    if len(found) != 1:
        raise click.UsageError(f"{len(found) or 'no'} plans begin with {plan_id}")
    return found[0]


# -- commanding -------------------------------------------------------------------------------------------------------


@callbacks.command("cancel")
@with_kafka_target
@click.argument("plan_id")
@_at
@_as_json
def cancel(target: KafkaTarget, plan_id: str, at: str | None, *, as_json: bool) -> None:
    """End one customer's open plan. A job that is out is taken back; a later abandon opens another plan."""
    plan = _plan_named(target, plan_id)
    data = {"tenant": plan["tenant"], "token": plan["token"], "plan_id": plan["plan_id"]}
    _send(target, "command.cancel", data, at, as_json=as_json)


def _customer_command(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """A command about a customer, who is named by a plan, a token, or a number that is asked for."""

    def decorated(described: Callable[..., None]) -> click.Command:
        @click.option("--config", type=click.Path(path_type=Path), required=True, help="The configuration file (YAML).")
        @click.argument("who", required=False)
        @_tenant
        @_at
        @_as_json
        @wraps(described)
        def wrapped(config: Path, who: str | None, tenant: str | None, at: str | None, *, as_json: bool) -> None:
            with errors_told():
                target = target_of_file(config)
                data = _customer(target, config, who, tenant)
                _send(target, f"command.{name.replace('-', '_')}", data, at, as_json=as_json)

        return callbacks.command(name)(wrapped)

    return decorated


@_customer_command("block")
def block() -> None:
    """Call this customer no more, for no reason, until unblocked.

    WHO is a plan id or a customer token (with --tenant). Without it the telephone number is asked for, so that it does
    not stay in the history of your shell; that needs --tenant and the tenant's token key.
    """


@_customer_command("unblock")
def unblock() -> None:
    """Take back a block or an opt-out: what the customer does from now on opens plans again."""


@_customer_command("opt-out")
def opt_out() -> None:
    """The customer wants no calls: end the open plan; only what is asked for or owed afterwards opens one.

    WHO is a plan id or a customer token (with --tenant); without it the number is asked for.
    """


def _customer(target: KafkaTarget, config: Path, who: str | None, tenant: str | None) -> dict[str, str]:
    if who is not None and ("." in who or tenant is None):
        plan = _plan_named(target, who)
        return {"tenant": plan["tenant"], "token": plan["token"]}
    if tenant is None:
        raise click.UsageError("name a plan, or give --tenant and be asked for the number")
    if who is not None:
        return {"tenant": tenant, "token": who}
    keys = settings_or_exit(config).tenant_keys.get(tenant)
    if keys is None:
        raise ConfigError([(f"privacy.tenants.{tenant}", "expected keys, to know the customer by")])
    number: str = click.prompt("Telephone number", hide_input=True, err=True)
    if Address(number).kind != "phone":
        raise click.UsageError("expected a telephone number with its country code, such as +55 85 9...")
    pseudonyms = Pseudonyms({tenant: TenantKey(keys.token_key)})
    token = pseudonyms.tokens(tenant, Customer(address=number)).primary
    assert token is not None, "an address was given"
    return {"tenant": tenant, "token": token}


def _queue_command(name: str, text: str) -> None:
    @with_kafka_target
    @click.argument("callback_queue")
    @click.option("--tenant", required=True, help="Whose callback queue.")
    @_at
    @_as_json
    def command(target: KafkaTarget, callback_queue: str, tenant: str, at: str | None, *, as_json: bool) -> None:
        _send(target, f"command.{name}", {"tenant": tenant, "callback_queue": callback_queue}, at, as_json=as_json)

    command.__doc__ = text
    callbacks.command(name, help=text)(command)


_queue_command("pause", "Release no more calls of a callback queue. Calls that are out are made to their end.")
_queue_command("drain", "Still call whoever is to be called by now, and nobody who comes later.")
_queue_command("resume", "Release calls again.")


def _send(target: KafkaTarget, kind: str, data: Mapping[str, str], at: str | None, *, as_json: bool) -> None:
    """Put one command where its reader looks for it. Raises UsageError for what no worker would accept."""
    time_ms = round(datetime.now(UTC).timestamp() * 1000) if at is None else parse_time(at)
    if time_ms is None:
        raise click.UsageError("--at: expected RFC 3339 with an offset, such as 2026-11-23T09:00:00-03:00")
    try:
        command = msgspec.convert(data, COMMAND_TYPES[kind])
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error)) from None
    owner = command.callback_queue if isinstance(command, QueueCommand) else command.token
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": SOURCE,
        "type": kind,
        "time": iso_time(time_ms),
        "data": data,
    }
    publisher = Publisher(target.brokers, target.prefix, target.producer_options)
    publisher.send(
        Route(COMMANDS, f"{command.tenant}/{owner}"),
        msgspec.json.encode(event),
        time_ms if target.event_clock else None,
    )
    publisher.close()
    click.echo(json.dumps(event) if as_json else f"Sent {kind} for {owner}; it counts from {event['time']} on.")
