"""The configuration of the demo: the simulated centre on its broker, by the event clock."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, Final

import yaml

from streams.settings import Settings, load_settings
from streams.simulation.centre import SAC, TENANT
from streams.topics import DEFAULT_PARTITIONS

PREFIX: Final = "filaviva"
CONFIGURATION: Final = "filaviva.yaml"
LATENESS_SECONDS: Final = 5.0
"""Less than the disorder, so that some findings open and are taken back."""
FLUSH_SECONDS: Final = 0.25
LOST_AFTER_SECONDS: Final = 600
"""When a call is given up whose end the platform never told; a day, as is usual, would fill the morning's wallboard."""


def write_configuration(folder: Path, bootstrap: str, metrics_port: int) -> Settings:
    """The simulated centre on this broker, with keys that exist for this run only."""
    keys = {}
    for key in ("token_key", "seal_key"):
        file = folder / key
        file.touch(mode=0o600)
        file.write_text(secrets.token_hex(32))
        keys[f"{key}_file"] = key
    document: dict[str, Any] = {
        "kafka": {"brokers": [bootstrap], "prefix": PREFIX, "partitions": DEFAULT_PARTITIONS},
        "worker": {"metrics_port": metrics_port, "flush_seconds": FLUSH_SECONDS, "session_timeout_seconds": 10},
        "clock": {"mode": "event", "lateness_seconds": LATENESS_SECONDS},
        "privacy": {"tenants": {TENANT: keys}},
        **SAC.sections(),
    }
    for queue in document["queues"]:
        if queue["channels"] == ["voice"]:
            queue["unknown_exit_seconds"] = LOST_AFTER_SECONDS
    config = folder / CONFIGURATION
    config.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return load_settings(config)
