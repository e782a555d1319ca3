"""The reference dialer without a broker: each job once; its lines; the kit that judges dialers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from streams.ami_connection import AmiAddress
from streams.dialer.ami import AmiLine, AmiPlace
from streams.dialer.conformance import Case, cases, judged
from streams.dialer.desk import Desk
from streams.dialer.lines import OUTCOMES, Ended, SimulatedLine, outcome_of
from streams.dialer.service import Journal
from streams.domain.jobs import DialJob
from streams.errors import Unavailable
from tests.callback_records import NINE_MS, KafkaRecord
from tests.deadlines import wait_until
from tests.dial_bench import places

RUN = 7


def all_cases() -> dict[str, Case]:
    return {case.name: case for case in cases("acme", "retornos", RUN, NINE_MS)}


def worked(desk: Desk, case: Case, *, until_ms: int = NINE_MS + 60_000, outcome: str = "busy") -> list[KafkaRecord]:
    """The reports of a dialer that reads all records of a case first and dials when it may."""
    reports: list[KafkaRecord] = []
    for now_ms in range(NINE_MS, until_ms, 1000):
        for sent in case.sent:  # again and again, as after restarts of the consumer
            if not sent.after or sent.after == "restart" or reports:
                desk.take(sent.value, now_ms)
        for job in desk.due(now_ms):
            value = desk.ended(job.job_id, outcome, 1.0, now_ms)
            assert value is not None
            reports.append(KafkaRecord(value, timestamp=now_ms))
    return reports


@pytest.mark.parametrize("name", list(all_cases()))
def test_the_reference_dialer_passes_every_case(name: str) -> None:
    """However often it reads the records."""
    case = all_cases()[name]
    [verdict] = judged([case], worked(Desk(lines=2), case), places())
    assert verdict.is_passed, verdict.detail


@pytest.mark.parametrize("name", list(all_cases()))
def test_a_dialer_that_does_everything_wrong_fails_every_case(name: str) -> None:
    """It reports every record it reads, at once, and each time something else."""
    case = all_cases()[name]
    reports = []
    for number in range(2):
        desk = Desk(lines=9)
        job = next(msgspec.json.decode(sent.value)["data"] for sent in case.sent if b"callback.dial" in sent.value)
        late = job | {"not_before": "2026-11-23T00:00:00Z", "expires": "2027-01-01T00:00:00Z"}
        desk.take(msgspec.json.encode({"type": "callback.dial", "data": late}), NINE_MS)
        for due in desk.due(NINE_MS):
            value = desk.ended(due.job_id, ("busy", "failed")[number], 1, NINE_MS)
            reports.append(KafkaRecord(value, timestamp=NINE_MS))
    [verdict] = judged([case], reports, places())
    assert not verdict.is_passed


def test_a_report_that_the_worker_would_reject_fails_its_case() -> None:
    """With the reason."""
    case = all_cases()["dial"]
    [report] = worked(Desk(lines=1), case)
    bad = (report.value or b"").replace(b'"busy"', b'"perhaps"')
    [verdict] = judged([case], [KafkaRecord(bad, timestamp=NINE_MS)], places())
    assert (verdict.is_passed, "bad_value" in verdict.detail) == (False, True)


def dial_job(number: int, **changes: Any) -> bytes:
    case = all_cases()["dial"]
    event = msgspec.json.decode(case.sent[0].value)
    event["data"] |= {"job_id": f"{number:032x}.ab.1"} | changes
    return msgspec.json.encode(event)


def test_no_more_calls_than_lines_and_the_most_pressing_first() -> None:
    """What is no job, or not whole, is passed over."""
    desk = Desk(lines=2)
    assert [desk.take(value, NINE_MS) for value in (b"", b"{}", b"[1]", b'{"type":"callback.dial","data":{}}')] == [
        None
    ] * 4
    for number in range(1, 5):
        desk.take(dial_job(number, priority=number), NINE_MS)
    first = [job.job_id for job in desk.due(NINE_MS)]
    assert [job_id[:32].lstrip("0") for job_id in first] == ["4", "3"]
    assert desk.due(NINE_MS) == []
    desk.ended(first[0], "busy", 1, NINE_MS)
    assert [job.job_id[:32].lstrip("0") for job in desk.due(NINE_MS)] == ["2"]
    assert [desk.is_finished(job_id) for job_id in first] == [True, False]


def test_the_journal_knows_what_was_dialled_and_not_reported(tmp_path: Path) -> None:
    """Such a job is not dialled again."""
    journal = Journal(tmp_path / "j")
    journal.note("a", "dialling")
    journal.note("b", "dialling")
    journal.note("a", "reported")
    journal.close()
    again = Journal(tmp_path / "j")
    assert (again.reported, again.uncertain) == (["a"], ["b"])
    again.close()


def test_a_simulated_call_goes_as_its_job_has_it() -> None:
    """The same at any time, and every outcome in about its share."""
    line = SimulatedLine(3, speed=10)
    job = msgspec.convert(msgspec.json.decode(dial_job(1))["data"], DialJob)
    line.start(job, NINE_MS)
    outcome, seconds = outcome_of(job.job_id, 3)
    assert line.ended(NINE_MS + round(100 * seconds) - 1) == []
    assert line.ended(NINE_MS + round(100 * seconds)) == [Ended(job.job_id, outcome, seconds)]
    drawn = [outcome_of(f"{number}", 3)[0] for number in range(5000)]
    for name, share, _ in OUTCOMES:
        assert abs(drawn.count(name) / 5000 - share) < 0.03


class ScriptedAsterisk:
    """An AMI peer on loopback: accepts one secret, answers each Originate by its number, in pieces."""

    REASONS: ClassVar = {"+5585000000001": "4", "+5585000000002": "5", "+5585000000003": "3", "+5585000000004": "1"}

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.actions: list[dict[str, str]] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"Asterisk Call Manager/9.0\r\n")
            action: dict[str, str] = {}
            for line in lines:
                text = line.decode().strip()
                if text:
                    name, _, value = text.partition(":")
                    action[name] = value.strip()
                    continue
                self.actions.append(action)
                for piece in self._answer(action):
                    connection.sendall(piece.replace("\n", "\r\n").encode())
                action = {}

    def _answer(self, action: dict[str, str]) -> Iterator[str]:
        if action["Action"] == "Login":
            yield "Response: Success\n\n" if action["Secret"] == "right" else "Response: Error\nMessage: no\n\n"
            return
        job_id, number = action["ActionID"], action["Channel"].removeprefix("PJSIP/").removesuffix("@trunk")
        if number not in self.REASONS:
            yield f"Response: Error\nActionID: {job_id}\n\n"
            return
        yield f"Response: Success\nActionID: {job_id}\n\nEvent: Newchannel\nUniqueid: 1\n\nEvent: Origin"
        yield f"ateResponse\nActionID: {job_id}\nReason: {self.REASONS[number]}\n\n"

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def asterisk() -> Iterator[ScriptedAsterisk]:
    peer = ScriptedAsterisk()
    yield peer
    peer.close()


def test_calls_through_asterisk_end_as_it_says(asterisk: ScriptedAsterisk) -> None:
    """By the reason of OriginateResponse; the job travels as a channel variable. No number, no command."""
    line = AmiLine(AmiPlace(AmiAddress("127.0.0.1", asterisk.port, "filaviva", "right")))
    wanted = {1: "answered", 2: "busy", 3: "no_answer", 4: "invalid_number", 5: "failed"}
    for number in wanted:
        address = f"+558500000000{number}"
        line.start(msgspec.convert(msgspec.json.decode(dial_job(number, address=address))["data"], DialJob), 0)
    evil = "+5585\r\nAction: Command\r\nCommand: core stop now"
    line.start(msgspec.convert(msgspec.json.decode(dial_job(6, address=evil))["data"], DialJob), 0)
    ended: list[Ended] = []

    def all_over() -> bool:
        ended.extend(line.ended(0))
        return len(ended) == len(wanted) + 1

    wait_until(all_over, "every call has ended", seconds=30)
    told = {int(call.job_id[:32], 16): call.outcome for call in ended}
    assert told == wanted | {6: "invalid_number"}
    originated = [action for action in asterisk.actions if action["Action"] == "Originate"]
    assert len(originated) == len(wanted)
    assert originated[0]["Exten"] == "retornos"
    assert originated[0]["Variable"].startswith("FILAVIVA_JOB_ID=00000000")
    assert "Command" not in {action["Action"] for action in asterisk.actions}
    line.close()


def test_asterisk_that_refuses_or_is_away_is_unavailable(asterisk: ScriptedAsterisk) -> None:
    """Without the secret in the message."""
    with pytest.raises(Unavailable, match="refuses the login of filaviva") as refused:
        AmiLine(AmiPlace(AmiAddress("127.0.0.1", asterisk.port, "filaviva", "wrong")))
    assert "wrong" not in str(refused.value)
    asterisk.close()
    with pytest.raises(Unavailable, match="does not answer"):
        AmiLine(AmiPlace(AmiAddress("127.0.0.1", asterisk.port, "filaviva", "right")))
