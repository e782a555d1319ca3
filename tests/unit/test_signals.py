"""Messages between the callback stages: where they go, how they read back, what is not one."""

from __future__ import annotations

import pytest

from streams.domain.decisions import Reason, Rejection
from streams.domain.encoding import cloud_event, iso_time, read_event
from streams.domain.signals import LOG_TYPES, SIGNAL_TYPES, Requested, log_output, signal_output
from tests.callback_records import NINE_MS, TOKEN, directory, event_of, ready, reason, served, withdrawn


@pytest.mark.parametrize("signal", [reason(), reason(kind=Requested), served(stands=False)])
def test_a_signal_goes_to_the_owner_of_its_customer_and_reads_back(signal: object) -> None:
    """Key and partition are those of tenant and token."""
    places = directory(partitions={f"acme/{TOKEN}": 5})
    output = signal_output(signal, places)  # type: ignore[arg-type]  # parametrised
    assert (output.topic, output.key, output.partition) == ("callback-signals", f"acme/{TOKEN}".encode(), 5)
    assert read_event(output.value, SIGNAL_TYPES) == signal


@pytest.mark.parametrize("entry", [ready(), withdrawn()])
def test_a_log_entry_goes_to_the_owner_of_its_callback_queue_and_reads_back(entry: object) -> None:
    """Key and partition are those of tenant and callback queue."""
    places = directory(partitions={"acme/retornos": 3})
    output = log_output(entry, places)  # type: ignore[arg-type]  # parametrised
    assert (output.topic, output.key, output.partition) == ("dialling-log", b"acme/retornos", 3)
    assert read_event(output.value, LOG_TYPES) == entry


def test_events_are_cloudevents_with_deterministic_bytes() -> None:
    """The same arguments give the same bytes; the time is in UTC with milliseconds."""
    event = event_of(signal_output(reason(), directory()))
    assert (event["specversion"], event["source"], event["type"]) == ("1.0", "filaviva", "callback.signal.abandoned")
    assert (event["time"], event["subject"]) == ("2026-11-23T12:00:00.000Z", "visit-1")
    assert signal_output(reason(), directory()) == signal_output(reason(), directory())


def test_every_distinct_signal_has_its_own_id() -> None:
    """Kind, visit, customer, revision and standing each make another event."""
    variants = [
        reason(),
        reason(kind=Requested),
        reason("visit-2"),
        reason(token="aa"),
        reason(revision=2),
        reason(stands=False),
        served("visit-1"),
    ]
    assert len({event_of(signal_output(signal, directory()))["id"] for signal in variants}) == len(variants)


def test_instants_before_1970_and_milliseconds_are_written_out() -> None:
    """No instant is rounded."""
    assert iso_time(NINE_MS + 120) == "2026-11-23T12:00:00.120Z"
    assert iso_time(-1) == "1969-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, Reason.NO_VALUE),
        (b"not json", Reason.NOT_JSON),
        (b'{"type":"\xff","data":{}}', Reason.NOT_JSON),
        (b'{"x":' * 200_000, Reason.NOT_JSON),
        (b'{"type":"callback.signal.served"}', Reason.BAD_VALUE),
        (b'{"type":"callback.signal.served","data":{"kind":"served"}}', Reason.BAD_VALUE),
    ],
)
def test_what_is_not_a_message_is_rejected(value: bytes | None, expected: Reason) -> None:
    """With the reason that fits."""
    found = read_event(value, SIGNAL_TYPES)
    assert isinstance(found, Rejection)
    assert found.reason is expected


def test_a_message_of_another_type_is_nothing_to_us() -> None:
    """A later release may add types."""
    value = cloud_event(event_type="callback.signal.thanked", event_id="1", time_ms=0, subject="s", data=served())
    assert read_event(value, SIGNAL_TYPES) is None
