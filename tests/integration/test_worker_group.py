"""Workers that come, go and die: live figures stay whole, of idle queues too; time alone opens breaches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.brokers import BrokerUnderTest
from tests.deadlines import wait_until
from tests.installation import Installation, install
from tests.worker_process import WorkerProcess

QUEUES = [f"queue-{number}" for number in range(12)]
CONTACTS_PER_QUEUE = 2
WAITING = len(QUEUES) * CONTACTS_PER_QUEUE
AT_ANY_HOUR = dict.fromkeys(("weekdays", "saturday", "asked"), "00:00-24:00")
GROUP_SECONDS = 90


def document() -> dict[str, Any]:
    """Voice queues of one site, a limit of 10 s, callbacks into the first queue."""
    queues = [
        {
            "tenant": "acme",
            "site": "fortaleza",
            "queue": queue,
            "channels": ["voice"],
            "answer_target_seconds": 5,
            "max_wait_seconds": 10,
            "short_abandon_seconds": 1,
            "callback": {"queue": QUEUES[0]},
        }
        for queue in QUEUES
    ]
    return {
        "sites": [{"tenant": "acme", "site": "fortaleza", "zone": "America/Fortaleza"}],
        "queues": queues,
        "callback_queues": [{"tenant": "acme", "site": "fortaleza", "queue": QUEUES[0], "hours": AT_ANY_HOUR}],
        "privacy": {
            "tenants": {"acme": {"token_key_file": "token.key", "seal_key_file": "seal.key"}},
        },
    }


@pytest.fixture
def installation(broker: BrokerUnderTest, tmp_path: Path) -> Installation:
    """Topics and a configuration with keys made for this test."""
    for name, byte in (("token.key", "5a"), ("seal.key", "a5")):
        (tmp_path / name).write_text(byte * 32)
        (tmp_path / name).chmod(0o600)
    return install(broker, tmp_path, document(), session_timeout_seconds=6, flush_seconds=0.2)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Whatever a test opens, closed in reverse."""
    with ExitStack() as opened:
        yield opened


def event(kind: str, queue: str, contact: str, ago_seconds: float, **data: Any) -> dict[str, Any]:
    """A contact event of some seconds ago."""
    time = datetime.now(UTC) - timedelta(seconds=ago_seconds)
    return {
        "specversion": "1.0",
        "id": f"{queue}/{contact}/{kind}",
        "source": "pbx",
        "type": f"contact.{kind}",
        "time": time.isoformat(timespec="milliseconds"),
        "data": {
            "tenant": "acme",
            "site": "fortaleza",
            "queue": queue,
            "channel": "voice",
            "contact_id": contact,
            **data,
        },
    }


def free_agent(queue: str) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    data = {"tenant": "acme", "site": "fortaleza", "agent_id": "ana", "state": "available", "queues": [queue]}
    return {"specversion": "1.0", "id": f"ana/{now}", "source": "pbx", "type": "agent.state", "time": now, "data": data}


def publish(installation: Installation, events: Iterable[dict[str, Any]]) -> None:
    path = installation.config.parent / "events.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in events))
    installation.publish(path)


def waiting(workers: Iterable[WorkerProcess]) -> dict[str, list[float]]:
    """Contacts waiting by queue, one number per worker that shows the queue."""
    shown: dict[str, list[float]] = {}
    for worker in workers:
        for sample in worker.metrics().samples("filaviva_queue_waiting_contacts"):
            shown.setdefault(sample.labels["queue"], []).append(sample.value)
    return shown


def wait_for_all(workers: list[WorkerProcess], what: str) -> None:
    """Until every queue is shown once, by one of the workers, with everyone who waits in it."""
    whole = {queue: [float(CONTACTS_PER_QUEUE)] for queue in QUEUES}
    try:
        wait_until(lambda: waiting(workers) == whole, what, seconds=GROUP_SECONDS)
    except AssertionError as error:
        raise AssertionError(f"{error}: {waiting(workers)}") from None


def test_idle_queues_keep_their_callers_through_every_change_of_owner(
    installation: Installation, stack: ExitStack
) -> None:
    """Join, leave, kill -9: every queue is shown by exactly one worker, with the callers of before, though no event
    comes: neither partitions that move nor partitions that stay lose state."""
    if installation.broker.kind == "embedded":
        pytest.skip("the embedded broker fails joins of a second member now and then (SyncGroup error 42)")
    contacts = [(queue, f"contact-{number}") for queue in QUEUES for number in range(CONTACTS_PER_QUEUE)]
    publish(installation, [event("offered", queue, contact, 1) for queue, contact in contacts])
    first = stack.enter_context(installation.worker())
    wait_for_all([first], "one worker shows every caller")
    second = stack.enter_context(installation.worker())
    second.wait_ready(GROUP_SECONDS)
    wait_for_all([first, second], "two workers share the queues")
    assert all(worker.metrics().values("filaviva_queue_waiting_contacts") for worker in (first, second))
    assert second.terminate() == 0
    wait_for_all([first], "the first worker has them all again")
    third = stack.enter_context(installation.worker())
    third.wait_ready(GROUP_SECONDS)
    first.kill()
    wait_for_all([third], "the survivor has them all after a kill -9")
    with installation.state("queues") as state:
        assert state.refresh().ledger().applied == WAITING


def test_a_breach_opens_by_time_alone_and_is_retracted_by_an_answer_inside_the_limit(
    installation: Installation, stack: ExitStack
) -> None:
    """Nobody sends anything after the offer, yet the finding opens past the limit; an answer that was in time all along
    takes it back, with a higher revision."""
    worker = stack.enter_context(installation.worker())
    worker.wait_ready(GROUP_SECONDS)
    topics = stack.enter_context(installation.topics())
    publish(installation, [event("offered", QUEUES[1], "late", 6)])

    def states() -> list[str]:
        return [found["state"] for found in topics.highest_revisions("sla-breaches", "finding_id").values()]

    wait_until(lambda: states() == ["open"], "the finding opens", seconds=GROUP_SECONDS)
    over = worker.metrics().total("filaviva_queue_over_limit_contacts", queue=QUEUES[1])
    assert over == 1
    assert worker.metrics().total("filaviva_queue_day_breaches", queue=QUEUES[1]) == 1
    (found,) = topics.highest_revisions("sla-breaches", "finding_id").values()
    offered = datetime.fromisoformat(found["offered_at"])
    answer = event("answered", QUEUES[1], "late", 0)
    answer["time"] = (offered + timedelta(seconds=9)).isoformat(timespec="milliseconds")
    publish(installation, [answer])
    wait_until(lambda: states() == ["retracted"], "the finding is taken back", seconds=GROUP_SECONDS)
    wait_until(
        lambda: worker.metrics().total("filaviva_queue_day_breaches", queue=QUEUES[1]) == 0,
        "the day shows no breach any more",
    )


def test_a_lost_caller_is_dialled_once_and_no_more_once_served(installation: Installation, stack: ExitStack) -> None:
    """Whoever asks to be called gets one plan and, as an agent is free, one dial job, repeats of it none; an answer in
    another queue cancels the job. No raw number anywhere but in the job."""
    number = "+5585900000123"
    customer = {"customer": {"address": number, "id": "C-42"}}
    worker = stack.enter_context(installation.worker())
    worker.wait_ready(GROUP_SECONDS)
    topics = stack.enter_context(installation.topics())
    lost = [event("offered", QUEUES[2], "lost", 20, **customer), event("callback_requested", QUEUES[2], "lost", 12)]
    publish(installation, [*lost, *lost, free_agent(QUEUES[0])])

    def jobs() -> list[str]:
        return [each["type"] for each in topics.events("callback-jobs")]

    wait_until(lambda: jobs() == ["callback.dial"], "one dial job", seconds=GROUP_SECONDS)
    served = [event("offered", QUEUES[3], "served", 8, **customer), event("answered", QUEUES[3], "served", 4)]
    publish(installation, served)
    wait_until(lambda: jobs() == ["callback.dial", "callback.cancel"], "the cancel job", seconds=GROUP_SECONDS)
    (plan,) = topics.highest_revisions("callback-plans", "plan_id").values()
    assert plan["state"] == "cancelled"
    assert number in json.dumps(topics.events("callback-jobs"))
    for topic in ("callback-plans", "contact-outcomes", "callback-signals", "dialling-log", "queues-changelog"):
        assert not [record for record in topics.records(topic) if number.encode() in (record.value or b"")], topic
    assert number not in worker.log()
