"""What a reader of the output topics is left with."""

from __future__ import annotations

import json
from typing import Any

from streams.told import Job, Told

PLAN = "0f0f.abc"


def event(data: dict[str, Any], *, kind: str = "contact.outcome", event_id: str = "v1#1") -> bytes:
    return json.dumps({"type": kind, "id": event_id, "data": data}).encode()


def outcome(revision: int, result: str = "answered_late") -> bytes:
    return event({"visit_id": "acme/sac/1/c1", "revision": revision, "outcome": result})


def job(kind: str, attempt: int, *, revision: int) -> bytes:
    data = {"plan_id": PLAN, "attempt": attempt}
    if kind == "dial":
        data["address"] = "+5585012345678"
    return event(data, kind=f"callback.{kind}", event_id=f"{PLAN}.{attempt}#{revision}")


def test_the_highest_revision_stands_whenever_it_comes() -> None:
    """An older one that is written again later changes nothing."""
    told = Told()
    for value in (outcome(1, "abandoned_late"), outcome(3), outcome(1, "abandoned_late"), None):
        told.take("contact-outcomes", value)
    assert [each["revision"] for each in told.newest["contact-outcomes"].values()] == [3]
    assert told.contradictions == []


def test_two_records_of_one_revision_must_say_the_same() -> None:
    """What differs under one revision is told apart: a reader could keep either."""
    told = Told()
    told.take("contact-outcomes", outcome(2))
    told.take("contact-outcomes", outcome(2, "closed"))
    assert told.contradictions == ["acme/sac/1/c1#2"]


def test_jobs_keep_their_order_and_count_once() -> None:
    """A job that is sent again is the same job; its address is not shown."""
    told = Told()
    for value in (job("dial", 1, revision=1), job("dial", 1, revision=1), job("cancel", 1, revision=2)):
        told.take("callback-jobs", value)
    assert told.jobs == {PLAN: [Job("dial", 1, "+5585012345678"), Job("cancel", 1, None)]}
    assert "85012345678" not in repr(told.jobs)


def test_dead_letters_are_counted() -> None:
    """Whatever is in them."""
    told = Told()
    told.take("dead-letters", b"not JSON")
    assert told.dead_letters == 1
