"""The configuration that a simulated centre needs: as text to begin with, and checked against what is there."""

from __future__ import annotations

from typing import Any, Final

import yaml

from streams.settings import Settings
from streams.simulation.layout import Centre

_HEAD: Final = """\
# A configuration for `filaviva simulate`. The two secrets are 64 hexadecimal digits each, for example of
# `openssl rand -hex 32`, in the environment of the worker: {token_key} and {seal_key}.
# For a simulation at another speed than real time, or of another day than today: clock: {{mode: event}}.
"""


def configuration_text(centre: Centre) -> str:
    """YAML that `filaviva check` accepts once the secrets are there; the broker is a guess."""
    name = centre.tenant.upper().replace("-", "_")
    keys = {"token_key_env": f"{name}_TOKEN_KEY", "seal_key_env": f"{name}_SEAL_KEY"}
    document: dict[str, Any] = {
        "kafka": {"brokers": ["127.0.0.1:9092"]},
        "clock": {"mode": "wall"},
        "privacy": {"tenants": {centre.tenant: keys}},
        **centre.sections(),
    }
    head = _HEAD.format(token_key=keys["token_key_env"], seal_key=keys["seal_key_env"])
    return head + yaml.safe_dump(document, allow_unicode=True, sort_keys=False)


def misfits(settings: Settings, centre: Centre) -> list[tuple[str, str]]:
    """The centre's queues that a configuration does not have as they are: their events would all be rejected."""
    known = {(queue.tenant, queue.queue): queue for queue in settings.queues}
    problems = []
    for queue in centre.queues:
        found = known.get((centre.tenant, queue.queue))
        if found is None or found.site != queue.site or queue.channel not in found.channels:
            expected = f"expected {queue.queue} of {centre.tenant} at {queue.site} with channel {queue.channel}"
            problems.append(("queues", f"{expected}; `filaviva simulate --print-config` shows what fits"))
    return problems
