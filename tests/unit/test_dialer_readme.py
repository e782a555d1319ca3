"""The examples of the dialer contract are records that the service writes and accepts."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from streams.domain.decoding import decode
from streams.domain.events import CALLBACK_RESULTS, ResultEvent
from streams.domain.jobs import CancelJob, DialJob
from tests.callback_records import NINE_MS, KafkaRecord
from tests.dial_bench import callback_policy, places

README = Path(__file__).parents[2] / "streams" / "dialer" / "README.md"


def test_the_examples_of_the_contract_are_real() -> None:
    """A job with every field it has, its cancellation, and a report that the results stage takes."""
    dial, cancel, report = re.findall(r"```json\n(.*?)```", README.read_text(), flags=re.DOTALL)
    job = msgspec.json.decode(dial)["data"]
    assert msgspec.to_builtins(msgspec.convert(job, DialJob)) == job
    assert (
        msgspec.to_builtins(msgspec.convert(msgspec.json.decode(cancel)["data"], CancelJob))["job_id"] == job["job_id"]
    )
    record = KafkaRecord(report.encode(), timestamp=NINE_MS)
    event = decode(CALLBACK_RESULTS, 0, record, places(callback_policy("retorno-sac")))
    assert isinstance(event, ResultEvent)
    assert event.data.job_id == job["job_id"]
