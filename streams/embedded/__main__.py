"""`python -m streams.embedded`: the embedded broker as a child process, driven by JSON lines.

The first line out is `{"bootstrap": "127.0.0.1:…"}`. Then each line in gets one line out, `{"ok": true}` or
`{"error": "…"}`. The process ends when its standard input closes, so it never outlives its parent.

    {"do": "topic", "name": "demo-call-events", "partitions": 8}
    {"do": "round_trip", "milliseconds": 500}
    {"do": "down", "down": true}
    {"do": "fail", "api_key": 8, "error_codes": [27]}
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from streams.embedded.broker import EmbeddedBroker
from streams.errors import FilavivaError


def main() -> int:
    arguments = _parser().parse_args()
    with EmbeddedBroker({}, rebalance_delay_ms=arguments.rebalance_delay_ms) as broker:
        _say({"bootstrap": broker.bootstrap})
        actions = _actions(broker)
        for line in sys.stdin:
            _say(_obey(actions, line))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m streams.embedded", description="An in-memory Kafka on loopback.")
    parser.add_argument("--rebalance-delay-ms", type=int, default=200, help="how long a new group waits for members")
    return parser


def _actions(broker: EmbeddedBroker) -> dict[str, Callable[..., None]]:
    return {
        "topic": broker.create_topic,
        "round_trip": broker.set_round_trip,
        "down": broker.set_down,
        "fail": broker.fail_requests,
    }


def _obey(actions: Mapping[str, Callable[..., None]], line: str) -> dict[str, object]:
    """The answer to one command; a bad one is answered, it does not end the process."""
    try:
        command = json.loads(line)
        actions[command.pop("do")](**command)
    except (ValueError, TypeError, KeyError, AttributeError, FilavivaError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"ok": True}


def _say(answer: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    try:
        code = main()
    except FilavivaError as error:
        sys.stderr.write(f"{error}\n")
        code = 1
    sys.exit(code)
