"""What outsiders write and read, as JSON Schema, AsyncAPI and OpenAPI: made from the types that decode and encode it.

`python -m streams.schemas` writes `deploy/schemas/`; with `--check` it writes nothing and names what is out of date.
A type never changes its meaning: fields are added as optional ones, anything else is a new type.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

from streams.domain.case_deadlines import CASE_DEADLINE_TYPE, CaseDeadline
from streams.domain.case_duties import AT_RISK
from streams.domain.case_findings import CaseFinding
from streams.domain.events import (
    AGENT_EVENTS,
    AGENT_TYPES,
    CALLBACK_RESULTS,
    CASE_EVENTS,
    CASE_TYPES,
    CHANNELS,
    COMMAND_TYPES,
    COMMANDS,
    CONTACT_TYPES,
    INTAKE_OF_CHANNEL,
    RESULT_TYPES,
    SITE_EVENTS,
)
from streams.domain.findings import CONFIRMED, OPEN, RETRACTED
from streams.domain.jobs import CancelJob, DialJob
from streams.domain.outcomes import ContactOutcome, Finding, QueueInterval
from streams.domain.plan_records import CallbackPlan
from streams.domain.site_days import SITE_DAY_TYPE, SiteDay
from streams.domain.site_events import SITE_TYPES, ExceptionDeclared
from streams.domain.site_findings import SiteFinding
from streams.gateway.openapi import OPENAPI, document
from streams.topics import (
    CALLBACK_JOBS,
    CALLBACK_PLANS,
    CASE_DEADLINES,
    CONTACT_OUTCOMES,
    QUEUE_INTERVALS,
    SITE_DAYS,
    SLA_BREACHES,
    TOPICS,
    TopicSpec,
)

FOLDER: Final = Path(__file__).resolve().parents[1] / "deploy" / "schemas"
ASYNCAPI: Final = "asyncapi.yaml"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Channel:
    """One topic that outsiders write or read, with the types of event on it."""

    topic: TopicSpec
    types: Mapping[str, type[msgspec.Struct]]


_CONTACT_TOPICS: Final = tuple(dict.fromkeys(INTAKE_OF_CHANNEL[channel] for channel in CHANNELS))
_TYPES_OF_TOPIC: Final[Mapping[str, Mapping[str, type[msgspec.Struct]]]] = {
    **dict.fromkeys(_CONTACT_TOPICS, CONTACT_TYPES),
    AGENT_EVENTS: AGENT_TYPES,
    SITE_EVENTS: SITE_TYPES | {"exception.declared": ExceptionDeclared},
    CASE_EVENTS: CASE_TYPES,
    COMMANDS: COMMAND_TYPES,
    CALLBACK_RESULTS: RESULT_TYPES,
    CONTACT_OUTCOMES: {"contact.outcome": ContactOutcome},
    QUEUE_INTERVALS: {"queue.interval": QueueInterval},
    SLA_BREACHES: {
        **{f"sla.{state}": Finding for state in (OPEN, CONFIRMED, RETRACTED)},
        **{f"deadline.{state}": CaseFinding for state in (AT_RISK, OPEN, CONFIRMED, RETRACTED)},
        **{f"availability.{state}": SiteFinding for state in (OPEN, CONFIRMED, RETRACTED)},
    },
    SITE_DAYS: {SITE_DAY_TYPE: SiteDay},
    CASE_DEADLINES: {CASE_DEADLINE_TYPE: CaseDeadline},
    CALLBACK_PLANS: {"callback.plan": CallbackPlan},
    CALLBACK_JOBS: {"callback.dial": DialJob, "callback.cancel": CancelJob},
}
CHANNELS_OF_OUTSIDERS: Final = tuple(
    Channel(spec, _TYPES_OF_TOPIC[spec.name]) for spec in TOPICS if spec.name in _TYPES_OF_TOPIC
)


def documents() -> dict[str, str]:
    """Every file there should be, by its name, with its text: a schema per type of event, one AsyncAPI document for
    Kafka and one OpenAPI document for the gateway."""
    files = {f"{name}.json": _json(_event_schema(name, data)) for name, data in _all_types().items()}
    return files | {ASYNCAPI: _yaml(_asyncapi()), OPENAPI: _yaml(document(_types_of_sources()))}


def _types_of_sources() -> list[str]:
    """What the gateway takes: everything others write but commands."""
    inputs = [channel for channel in CHANNELS_OF_OUTSIDERS if channel.topic.is_input and channel.topic.name != COMMANDS]
    return list(dict.fromkeys(name for channel in inputs for name in channel.types))


def _all_types() -> dict[str, type[msgspec.Struct]]:
    return {name: data for channel in CHANNELS_OF_OUTSIDERS for name, data in channel.types.items()}


def _event_schema(name: str, data: type[msgspec.Struct]) -> Schema:
    """A CloudEvent in structured form with this type's data; attributes we do not know are allowed."""
    (body,), parts = msgspec.json.schema_components([data], ref_template="#/$defs/{name}")
    return {
        "$schema": DIALECT,
        "title": name,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "time", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "minLength": 1, "maxLength": 200, "description": "unique within the source"},
            "source": {"type": "string", "pattern": "^[a-z0-9-]{1,40}$"},
            "type": {"const": name},
            "time": {"type": "string", "format": "date-time", "description": "when it happened, with an offset"},
            "subject": {"type": "string"},
            "data": body,
        },
        "$defs": parts,
    }


def _asyncapi() -> Schema:
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Filaviva",
            "version": "1",
            "description": "Topics that platforms and dialers write and read. Names carry the installation's prefix;"
            " keys go to the partition that murmur2 gives.",
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {channel.topic.name: _channel(channel) for channel in CHANNELS_OF_OUTSIDERS},
        "operations": {
            f"{_verb(channel)}-{channel.topic.name}": _operation(channel) for channel in CHANNELS_OF_OUTSIDERS
        },
        "components": {
            "messages": {
                name: {
                    "name": name,
                    "summary": _summary(data),
                    "payload": {"$ref": f"./{name}.json"},
                }
                for name, data in _all_types().items()
            }
        },
    }


def _channel(channel: Channel) -> Schema:
    spec = channel.topic
    keeps = "compacted" if spec.cleanup == "compact" else f"kept {spec.retention_days} days"
    personal = "; holds personal data" if spec.personal_data else ""
    return {
        "address": f"{{prefix}}-{spec.name}",
        "parameters": {"prefix": {"default": "filaviva", "description": "the installation's prefix"}},
        "description": f"key {spec.key}; {keeps}{personal}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.types},
    }


def _verb(channel: Channel) -> str:
    """As Filaviva does it: it receives what others write."""
    return "receive" if channel.topic.is_input else "send"


def _operation(channel: Channel) -> Schema:
    return {"action": _verb(channel), "channel": {"$ref": f"#/channels/{channel.topic.name}"}}


def _summary(data: type[msgspec.Struct]) -> str:
    return (data.__doc__ or "").strip().partition("\n")[0]


def _yaml(schema: Schema) -> str:
    text: str = yaml.dump(schema, Dumper=_WithoutAliases, sort_keys=False, allow_unicode=True, width=120)
    return text


class _WithoutAliases(yaml.SafeDumper):
    """Says what is alike again: many readers of these documents know no aliases."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _json(schema: Schema) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def stale(folder: Path = FOLDER) -> Iterator[str]:
    """The names of files that are missing, differ, or should not be there."""
    wanted = documents()
    found = {
        path.name: path.read_text(encoding="utf-8") for path in folder.glob("*") if path.suffix in (".json", ".yaml")
    }
    yield from sorted(name for name in wanted | found if wanted.get(name) != found.get(name))


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        names = list(stale())
        for name in names:
            sys.stderr.write(f"stale: {FOLDER / name}\n")
        return 1 if names else 0
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in documents().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
