"""What ``filaviva check --explain`` says: the limit that binds a contact of a queue at an instant, and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

import click

from streams.domain.limits import WaitLimit
from streams.domain.queue_limits import Start
from streams.settings import Settings
from streams.settings_policies import limits_of
from streams.settings_sections import Queue

EXIT_USAGE: Final = 2
FORCES: Final = {
    "law": "law: a binding norm",
    "adv": "adv: a reference only, not known to bind",
    "self": "self: self-regulation of the companies that joined",
    "op": "op: an operational choice",
    "": "none",
}
CONFIDENCES: Final = {
    "VP": "VP: read in the legal text or on the regulator's own page",
    "VS": "VS: read in press, law-firm or vendor pages only",
    "M": "M: from memory, not confirmed",
    "U": "U: uncertain",
    "configured": "the configuration's own",
}


@dataclass(frozen=True, slots=True)
class Question:
    """Which queue (``tenant/queue`` or just the queue), when, and as if of which sector."""

    queue: str
    at: str
    sector: str | None = None
    channel: str | None = None
    transferred: bool = False


def explain(settings: Settings, question: Question, *, as_json: bool) -> None:
    """Print the answer; a question that cannot be answered ends the command with 2."""
    queue = _queue(settings, question.queue)
    channel = question.channel or queue.channels[0]
    if channel not in queue.channels:
        _refuse(f"--channel: expected one of {', '.join(queue.channels)}")
    site = next(each for each in settings.sites if (each.tenant, each.site) == (queue.tenant, queue.site))
    limits = limits_of(queue, site, settings.packs, sector=question.sector)[channel]
    start = Start(_instant_ms(question.at), is_transfer=question.transferred)
    limit = limits.of(start).limit
    sector = question.sector or queue.sector
    answer = {
        "tenant": queue.tenant,
        "queue": queue.queue,
        "channel": channel,
        "sector": sector,
        "at": question.at,
        **_facts(limit),
    }
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(answer, limit)))


def _facts(limit: WaitLimit | None) -> dict[str, Any]:
    if limit is None:
        return {"limit_seconds": None, "why": ["no rule speaks of such a contact"]}
    return {
        "limit_seconds": None if limit.limit_ms is None else limit.limit_ms / 1000,
        "rule": limit.rule,
        "title": limit.title,
        "policy_version": limit.policy_version,
        "local_date": limit.local_date.isoformat() if limit.local_date else None,
        "why": list(limit.why),
        "source": limit.source,
        "force": limit.force,
        "confidence": limit.confidence,
        "tolerated_if": list(limit.tolerated_if),
        "note": limit.note,
    }


def _lines(answer: dict[str, Any], limit: WaitLimit | None) -> Iterator[str]:
    seconds = answer["limit_seconds"]
    said = "no limit" if seconds is None else f"{seconds:g} s"
    yield f"{answer['queue']} ({answer['sector'] or 'no sector'}, {answer['channel']}) at {answer['at']}: {said}"
    yield f"  why         {'; '.join(answer['why'])}"
    if limit is None:
        return
    yield f"  rule        {limit.rule} of {limit.policy_version}: {limit.title}"
    if limit.source:
        yield f"  source      {limit.source}"
    yield f"  force       {FORCES[limit.force]}"
    yield f"  confidence  {CONFIDENCES[limit.confidence]}"
    if limit.tolerated_if:
        yield f"  tolerated   a longer wait would be tolerated if: {', '.join(limit.tolerated_if)}"
    if limit.note:
        yield f"  note        {limit.note}"


def _queue(settings: Settings, name: str) -> Queue:
    tenant, _, queue = name.rpartition("/")
    found = [each for each in settings.queues if each.queue == queue and tenant in ("", each.tenant)]
    if len(found) != 1:
        several = ", ".join(f"{each.tenant}/{each.queue}" for each in found or settings.queues)
        _refuse(f"--queue: expected one of {several}")
    return found[0]


def _instant_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        _refuse("--at: expected an instant with its offset, such as 2021-10-07T10:00-03:00")
    return round((moment.astimezone(UTC)).timestamp() * 1000)


def _refuse(expected: str) -> NoReturn:
    click.echo(expected, err=True)
    sys.exit(EXIT_USAGE)
