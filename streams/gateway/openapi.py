"""The gateway as an OpenAPI document, made from the constants that serve it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from streams.domain.decoding import MAX_VALUE_BYTES
from streams.gateway.cloud_events import BATCH, MAX_BATCH_EVENTS, STRUCTURED
from streams.gateway.entrances import PATH
from streams.gateway.proofs import SIGNATURE_HEADER, TIMESTAMP_HEADER

OPENAPI: Final = "gateway.openapi.yaml"
Schema = dict[str, Any]

ANSWERS: Final[Mapping[int, str]] = {
    200: "Kafka has all events of the request, on all replicas.",
    400: "No CloudEvent, or one that no topic carries; nothing of the request was taken.",
    401: "The source has not proved itself, or too late.",
    403: "Another source or tenant than the path names, or a command.",
    404: "No such entrance.",
    408: "The request took too long to come in.",
    413: "The request, an event of it, or the batch is too large.",
    415: "A content type or encoding that is not read here.",
    429: "Too many requests of this source at a time: send the same again after Retry-After seconds.",
    503: "Kafka does not answer, has not acknowledged, or too much is under way: send the same again after Retry-After "
    "seconds. What arrived even so counts once.",
}
_NEEDS_RETRY: Final = (429, 503)


def document(event_types: Iterable[str]) -> Schema:
    """``event_types`` are those that sources write; their schemas lie beside the document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Filaviva gateway",
            "version": "1",
            "description": "Takes CloudEvents 1.0 over HTTP into the input topics. An event id counts once, however "
            "often it is sent.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            PATH: {"post": _receive(), "get": _challenge()},
            **{path: {"get": each} for path, each in _pages().items()},
        },
        "components": {
            "schemas": {
                "Event": {"anyOf": [{"$ref": f"./{name}.json"} for name in event_types]},
                "Accepted": _object({"accepted": {"type": "integer", "minimum": 0}}),
                "Error": _object({"error": {"type": "string"}}),
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": SIGNATURE_HEADER,
                    "description": f"Hex HMAC-SHA256 over the lines v1, {TIMESTAMP_HEADER}, path, content type, each "
                    "ce- header as name:value by name, an empty line, and the body.",
                },
            },
        },
    }


def _receive() -> Schema:
    event = {"$ref": "#/components/schemas/Event"}
    text = {"type": "string"}
    size = f"At most {MAX_VALUE_BYTES} bytes an event."
    return {
        "operationId": "receive",
        "summary": "Take the events of one source.",
        "description": "Platforms' webhooks prove themselves in their own ways, by the kind of the entrance.",
        "security": [{"signature": []}, {"bearer": []}],
        "parameters": [
            {"name": "tenant", "in": "path", "required": True, "schema": text},
            {"name": "source", "in": "path", "required": True, "schema": text},
            {
                "name": TIMESTAMP_HEADER,
                "in": "header",
                "schema": text,
                "description": "Unix seconds; needed with a signature.",
            },
            *({"name": f"ce-{name}", "in": "header", "schema": text, "description": "In binary mode."} for name in _CE),
        ],
        "requestBody": {
            "required": True,
            "description": size,
            "content": {
                STRUCTURED: {"schema": event},
                BATCH: {"schema": {"type": "array", "maxItems": MAX_BATCH_EVENTS, "items": event}},
                "application/json": {
                    "schema": {
                        "type": "object",
                        "description": "The data; the rest is in headers. Or a platform's webhook.",
                    }
                },
            },
        },
        "responses": {str(status): _response(status, text) for status, text in ANSWERS.items()},
    }


def _challenge() -> Schema:
    text = {"type": "string"}
    return {
        "operationId": "challenge",
        "summary": "Show Meta that the address is ours (entrances of kind whatsapp).",
        "parameters": [
            *({"name": name, "in": "path", "required": True, "schema": text} for name in ("tenant", "source")),
            *({"name": f"hub.{name}", "in": "query", "required": True, "schema": text} for name in _HUB),
        ],
        "responses": {
            "200": {"description": "The challenge.", "content": {"text/plain": {"schema": text}}},
            "403": {"description": "Not the verify token of this entrance."},
            "404": {"description": ANSWERS[404]},
        },
    }


_HUB: Final = ("mode", "verify_token", "challenge")
_CE: Final = ("specversion", "id", "source", "type", "time", "subject")


def _response(status: int, description: str) -> Schema:
    name = "Accepted" if status == 200 else "Error"
    body = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    response: Schema = {"description": description, "content": body}
    if status in _NEEDS_RETRY:
        response["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return response


def _pages() -> dict[str, Schema]:
    alive = {"200": {"description": "It runs."}}
    ready = {"200": {"description": "A broker answers."}, "503": {"description": "None does, or the gateway stops."}}
    page = {"200": {"description": "Metrics for Prometheus."}}
    return {
        "/healthz": {"operationId": "healthz", "summary": "Does the process run?", "responses": alive},
        "/readyz": {"operationId": "readyz", "summary": "Can it take events?", "responses": ready},
        "/metrics": {"operationId": "metrics", "summary": "What it counts.", "responses": page},
    }


def _object(properties: Schema) -> Schema:
    return {"type": "object", "required": list(properties), "properties": properties}
