"""The conformance kit: jobs that try a dialer, and what its reports must be. Pure; the command sends and listens.

Every case is a few records of callback-jobs and the number of reports that may come of each job. The address of every
job is a number that cannot be anybody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from streams.domain.decisions import Record, Rejection
from streams.domain.decoding import decode, parse_time
from streams.domain.directory import Directory
from streams.domain.encoding import cloud_event, iso_time
from streams.domain.events import CALLBACK_RESULTS, ResultEvent
from streams.domain.jobs import CancelJob, DialJob

ADDRESS: Final = "+5585000000000"
GOOD_FOR_MS: Final = 300_000


@dataclass(frozen=True, slots=True)
class Sent:
    """One record of callback-jobs; ``after`` is sent only when the dialer was restarted or told its first report."""

    job_id: str
    value: bytes
    after: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """``reports`` are how many different reports of the job may come: at least and at most."""

    name: str
    job_id: str
    sent: tuple[Sent, ...]
    reports: tuple[int, int]
    says: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a dialer did in one case."""

    case: str
    is_passed: bool
    detail: str


def cases(tenant: str, callback_queue: str, run: int, now_ms: int) -> list[Case]:
    """All of them; ``run`` makes their jobs those of this run alone."""

    def dial(job_id: str, *, revision: int = 1, after: str = "", **times: int) -> Sent:
        plan_id, _, attempt = job_id.rpartition(".")
        job = DialJob(
            job_id=job_id,
            plan_id=plan_id,
            attempt=int(attempt),
            revision=revision,
            tenant=tenant,
            callback_queue=callback_queue,
            address=ADDRESS,
            not_before=iso_time(times.get("not_before_ms", now_ms)),
            expires=iso_time(times.get("expires_ms", now_ms + GOOD_FOR_MS)),
            priority=1,
            uf="CE",
            zone="America/Fortaleza",
        )
        return Sent(job_id, _event("callback.dial", job_id, revision, job, now_ms), after)

    def cancel(job_id: str, *, revision: int = 2, after: str = "") -> Sent:
        plan_id, _, attempt = job_id.rpartition(".")
        job = CancelJob(
            job_id=job_id,
            plan_id=plan_id,
            attempt=int(attempt),
            revision=revision,
            tenant=tenant,
            callback_queue=callback_queue,
            cause="served",
        )
        return Sent(job_id, _event("callback.cancel", job_id, revision, job, now_ms), after)

    def job(number: int, attempt: int = 1) -> str:
        return f"{run:032x}.{number:016x}.{attempt}"

    later_ms = now_ms + 20_000
    before = [dial(job(9)), dial(job(9, 2), after="restart")]
    return [
        Case("dial", job(1), (dial(job(1)),), (1, 1), "a job is dialled and reported once"),
        Case("duplicate", job(2), (dial(job(2)), dial(job(2))), (1, 1), "a job that comes twice is dialled once"),
        Case(
            "again", job(3), (dial(job(3)), dial(job(3), after="report")), (1, 1), "also when it comes after its report"
        ),
        Case("expired", job(4), (dial(job(4), expires_ms=now_ms - 1000),), (0, 0), "past its time it is not dialled"),
        Case(
            "cancel",
            job(5),
            (dial(job(5), not_before_ms=later_ms), cancel(job(5))),
            (0, 0),
            "taken back before its time it is not dialled",
        ),
        Case("order", job(6), (cancel(job(6)), dial(job(6))), (0, 0), "nor when the cancellation comes first"),
        Case(
            "late cancel",
            job(7),
            (dial(job(7)), cancel(job(7), after="report")),
            (1, 1),
            "taken back after its report nothing more is said",
        ),
        Case("early", job(8), (dial(job(8), not_before_ms=later_ms),), (1, 1), "before its time it waits"),
        Case(
            "restart, before",
            job(9),
            (before[0], dial(job(9), after="restart")),
            (1, 1),
            "a restart dials nothing twice",
        ),
        Case("restart, after", job(9, 2), (before[1],), (1, 1), "and goes on with what comes"),
    ]


def _event(kind: str, job_id: str, revision: int, job: msgspec.Struct, now_ms: int) -> bytes:
    return cloud_event(event_type=kind, event_id=f"{job_id}#{revision}", time_ms=now_ms, subject=job_id, data=job)


def judged(tried: Iterable[Case], reports: Iterable[Record], directory: Directory) -> Iterator[Verdict]:
    """A verdict for each case from all that stands on callback-results; reports of other jobs are nobody's business.

    Two reports of one job that differ in outcome are two; a repeat is none.
    """
    by_job: dict[str, dict[tuple[int, str], str]] = {}
    unfit: dict[str, str] = {}
    for record in reports:
        event = decode(CALLBACK_RESULTS, 0, record, directory)
        if isinstance(event, ResultEvent):
            by_job.setdefault(event.data.job_id, {})[event.time_ms, event.data.outcome] = event.data.callback_queue
        elif isinstance(event, Rejection):
            unfit[_job_id_of(record)] = f"{event.reason}: {event.detail}"
    for case in tried:
        told = by_job.get(case.job_id, {})
        least, most = case.reports
        early = [at_ms for at_ms, _ in told if at_ms < _not_before_ms(case)]
        if case.job_id in unfit:
            yield Verdict(case.name, is_passed=False, detail=f"a report is rejected: {unfit[case.job_id]}")
        elif not least <= len(told) <= most:
            yield Verdict(case.name, is_passed=False, detail=f"{len(told)} reports, expected {_between(least, most)}")
        elif early:
            yield Verdict(case.name, is_passed=False, detail="reported before its not_before")
        else:
            yield Verdict(case.name, is_passed=True, detail=case.says)


def _between(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"


def _not_before_ms(case: Case) -> int:
    data: Mapping[str, Any] = next(
        (event["data"] for sent in case.sent if (event := msgspec.json.decode(sent.value))["type"] == "callback.dial"),
        {},
    )
    return (parse_time(data["not_before"]) or 0) if data else 0


def _job_id_of(record: Record) -> str:
    try:
        return str(msgspec.json.decode(record.value or b"")["data"]["job_id"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""
