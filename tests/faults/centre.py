"""The contact centre of the fault bench: limits of seconds, so that a run of a minute crosses them often."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

TENANT: Final = "acme"
SITE: Final = "fortaleza"
VOICE: Final = tuple(f"voz-{number:02d}" for number in range(14))
SOURCES: Final = ("pbx-1", "pbx-2", "pbx-3")
CHAT: Final = ("chat-1", "chat-2")
ANSWER_TARGET_SECONDS: Final = 5
MAX_WAIT_SECONDS: Final = 6.0
SHORT_ABANDON_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 2.0
LATENESS_SECONDS: Final = 10.0
"""So long time is held after an outage; the default of a minute would only make the runs longer."""
PARTITIONS: Final = 8


def document(**changes: Any) -> dict[str, Any]:
    """The whole configuration but broker and worker. Callbacks of every voice queue go to the first."""
    place = {"tenant": TENANT, "site": SITE}
    limits = {
        "answer_target_seconds": ANSWER_TARGET_SECONDS,
        "max_wait_seconds": MAX_WAIT_SECONDS,
        "short_abandon_seconds": SHORT_ABANDON_SECONDS,
    }
    voice = [
        {**place, **limits, "queue": queue, "channels": ["voice"], "callback": {"queue": VOICE[0]}} for queue in VOICE
    ]
    chat = [{**place, **limits, "queue": queue, "channels": ["chat"]} for queue in CHAT]
    return {
        "clock": {"grace_seconds": GRACE_SECONDS, "lateness_seconds": LATENESS_SECONDS},
        "sites": [{**place, "zone": "America/Fortaleza"}],
        "sources": [{**place, "source": source, "expected_silence_seconds": 3600} for source in SOURCES],
        "queues": [*voice, *chat],
        "callback_queues": [{**place, "queue": VOICE[0]}],
        "privacy": {"tenants": {TENANT: {"token_key_file": "token.key", "seal_key_file": "seal.key"}}},
        **changes,
    }


def places() -> list[tuple[str, str]]:
    """Every queue with its channel."""
    return [*((queue, "voice") for queue in VOICE), *((queue, "chat") for queue in CHAT)]


def write_keys(folder: Path) -> None:
    """The tenant's two keys beside the configuration."""
    for name, byte in (("token.key", "5a"), ("seal.key", "a5")):
        (folder / name).write_text(byte * 32)
        (folder / name).chmod(0o600)
