"""Builds configuration files for tests: a sound one, and edits of it by path."""

from __future__ import annotations

import base64
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.errors import ConfigError
from streams.settings import Settings, parse_settings

EXAMPLE = Path(__file__).resolve().parents[1] / "deploy" / "filaviva.example.yaml"
MISSING = object()
TOKEN_KEY, OLD_TOKEN_KEY, SEAL_KEY = bytes(range(32)), bytes(range(40, 80)), bytes(range(100, 164))
PASSWORD = "correct-horse-battery"  # must not show up anywhere
ENVIRONMENT = {
    "FILAVIVA_KAFKA_PASSWORD": PASSWORD,
    "FILAVIVA_ACME_TOKEN_KEY": TOKEN_KEY.hex(),
    "FILAVIVA_ACME_SEAL_KEY": base64.b64encode(SEAL_KEY).decode(),
}

Edit = tuple[str, object]


def queue(name: str, **changes: object) -> dict[str, Any]:
    """A sound voice queue of acme in Fortaleza."""
    plain: dict[str, Any] = {
        "tenant": "acme",
        "site": "fortaleza",
        "queue": name,
        "channels": ["voice"],
        "answer_target_seconds": 20,
        "max_wait_seconds": 60,
    }
    return plain | changes


def sound_document() -> dict[str, Any]:
    """A sound file: two queues with a callback queue, one e-mail queue, one source."""
    return {
        "kafka": {
            "brokers": ["kafka-1:9092"],
            "security": {
                "protocol": "sasl_ssl",
                "mechanism": "PLAIN",
                "username": "filaviva",
                "password_env": "FILAVIVA_KAFKA_PASSWORD",
            },
        },
        "worker": {},
        "clock": {},
        "privacy": {
            "tenants": {
                "acme": {"token_key_env": "FILAVIVA_ACME_TOKEN_KEY", "seal_key_env": "FILAVIVA_ACME_SEAL_KEY"},
            }
        },
        "sites": [{"tenant": "acme", "site": "fortaleza", "zone": "America/Fortaleza"}],
        "sources": [{"tenant": "acme", "site": "fortaleza", "source": "pbx-1", "expected_silence_seconds": 60}],
        "queues": [
            queue("sac", callback={"queue": "retorno"}),
            queue("email", channels=["email"], answer_target_seconds=14_400, max_wait_seconds=86_400),
            queue("retorno"),
        ],
        "callback_queues": [{"tenant": "acme", "site": "fortaleza", "queue": "retorno"}],
    }


def edited(*edits: Edit) -> str:
    """The sound file as YAML text, with the values at some paths replaced, added or (MISSING) removed."""
    return edited_document(sound_document(), *edits)


def edited_document(document: dict[str, Any], *edits: Edit) -> str:
    """Any document as YAML text, edited likewise."""
    whole = deepcopy(document)
    for path, value in edits:
        *parents, last = [int(index) if index else name for index, name in re.findall(r"\[(\d+)\]|([^.\[\]]+)", path)]
        place: Any = whole
        for step in parents:
            place = place[step]
        match place, value:
            case dict(), _ if value is MISSING:
                del place[last]
            case list(), _ if last == len(place):
                place.append(deepcopy(value))
            case _:
                place[last] = deepcopy(value)
    return yaml.safe_dump(whole, allow_unicode=True, sort_keys=False)


def parsed(*edits: Edit) -> Settings:
    return parse_settings(edited(*edits), environment=ENVIRONMENT)


def all_problems_of(text: str, **options: object) -> list[tuple[str, str]]:
    """The problems of a text that must not pass."""
    with pytest.raises(ConfigError) as caught:
        parse_settings(text, **({"environment": ENVIRONMENT} | options))  # type: ignore[arg-type]
    return caught.value.problems


def problems_of(text: str, **options: object) -> dict[str, str]:
    """The same by path."""
    return dict(all_problems_of(text, **options))
