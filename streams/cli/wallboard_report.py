"""What ``filaviva wallboard --json`` prints: one JSON document, every number as the workers have it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from streams.wallboard.figures import Board, QueueLine


def json_report(board: Board) -> dict[str, Any]:
    """Null is what nobody knows. ``complete`` tells whether sums may lack what no answering worker tells of."""
    return {
        "now_seconds": board.now_seconds,
        "workers": {"all": board.workers, "answering": board.workers_answering, "failures": dict(board.failures)},
        "totals": {
            "complete": not (board.live_missing or board.parts_missing),
            "waiting_contacts": board.waiting_contacts,
            "over_limit_contacts": board.over_limit_contacts,
            "agents_available": board.agents("available"),
            "callbacks_pending": board.callbacks_pending,
            "breaches_last_hour": board.breaches_last_hour,
        },
        "breaches_since_seconds": board.breaches_since_seconds,
        "lag_messages": board.lag_messages,
        "queues": [_queue(line) for line in board.queues],
        "sites": [asdict(site) for site in board.sites],
        "sources": [asdict(source) for source in board.sources],
    }


def _queue(line: QueueLine) -> dict[str, Any]:
    report = asdict(line)
    if line.today is not None:
        today = line.today
        report["today"] |= {"service_level": today.service_level, "abandonment": today.abandonment}
    return report
