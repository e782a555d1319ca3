"""What the gateway takes of a request and what it refuses, without a listener."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from streams.gateway.cloud_events import MAX_BATCH_EVENTS, accepted_events
from streams.gateway.messages import Accepted, Message, Refused, message_of
from streams.gateway.proofs import is_bearer, is_signed, signature
from streams.settings_secrets import ReceiverSecrets
from tests.gateway_client import OLD_SECRET, SECRET, Sending, batch, binary, offered, signed, structured, with_token

README = Path(__file__).resolve().parents[2] / "streams" / "gateway" / "README.md"
NOW = 1_795_435_200.0
ACTIVE = ReceiverSecrets(SECRET.encode(), OLD_SECRET.encode()).active


def message(sending: Sending) -> Message:
    return message_of(sending.path, sending.headers.items(), sending.body)


def taken(sending: Sending) -> list[Accepted]:
    return list(accepted_events(message(sending), "acme", "pbx-1"))


def refusal(sending: Sending) -> tuple[int, str]:
    with pytest.raises(Refused) as caught:
        taken(sending)
    return caught.value.status, caught.value.reason


def is_genuine(sending: Sending, now: float = NOW) -> bool:
    return is_signed(message(sending), ACTIVE, now_seconds=now, replay_seconds=300)


def test_a_structured_event_is_kept_byte_for_byte() -> None:
    """So attributes and fields that nobody here knows reach the topic too."""
    sending = structured(offered(3, traceparent="00-1", extra={"a": [1]}))
    (record,) = taken(sending)
    assert record.value == sending.body
    assert record.route == ("call-events", "acme/sac-3")


def test_a_binary_event_becomes_a_structured_one() -> None:
    """Headers are percent-decoded, quotes taken off; the data is byte for byte what was sent."""
    sending = binary(offered(3)).with_header("ce-subject", '"Jos%C3%A9 \\"x\\" %25"')
    (record,) = taken(sending)
    assert json.loads(record.value) == offered(3, subject='José "x" %', datacontenttype="application/json")
    assert sending.body in record.value


def test_a_batch_is_its_events_in_order() -> None:
    """Each byte for byte, also with a charset in the content type; an empty one is nothing."""
    events = [offered(number) for number in range(5)]
    sending = batch(*events).with_header("Content-Type", "application/cloudevents-batch+json; charset=utf-8")
    assert [json.loads(record.value) for record in taken(sending)] == events
    assert taken(batch()) == []


@pytest.mark.parametrize(
    ("sending", "status", "words"),
    [
        (structured(offered(1)).with_header("Content-Type", "text/plain"), 415, "cloudevents"),
        (structured(offered(1)).changed(body=b"{"), 400, "not JSON"),
        (structured(offered(1)).changed(body=b"[" * 100_000), 400, "not JSON"),
        (structured(offered(1)).changed(body=b'{"id": "\xff"}'), 400, "not JSON"),
        (structured(offered(1)).changed(body=b"[]"), 400, "specversion"),
        (structured(offered(1, specversion="0.3")), 400, "specversion"),
        (structured(offered(1, id="")), 400, "an id"),
        (structured(offered(1, source="pbx-2")), 403, "source"),
        (structured(offered(1, type="weather.changed")), 400, "no input topic"),
        (structured(offered(1, data=None)), 400, "no data"),
        (structured(offered(1, data=offered(1)["data"] | {"tenant": "other"})), 403, "tenant"),
        (structured(offered(1, type="command.pause", data={"tenant": "acme", "callback_queue": "r"})), 403, "commands"),
        (structured(offered(1, filler="x" * 524_288)), 413, "524288"),
        (batch(offered(1)).changed(body=b"{}"), 400, "list"),
        (batch(offered(1), offered(2, source="pbx-2")), 403, "event 1"),
        (batch(*[{}] * (MAX_BATCH_EVENTS + 1)), 413, "1000"),
        (binary(offered(1)).with_header("Content-Type", "text/csv"), 415, "application/json"),
        (binary(offered(1)).with_header("ce-data", "{}"), 400, "ce- headers"),
        (binary(offered(1)).with_header("ce-some_thing", "x"), 400, "ce- headers"),
        (binary(offered(1)).with_header("ce-subject", "%FF"), 400, "UTF-8"),
        (binary(offered(1)).changed(body=b""), 400, "not JSON"),
    ],
)
def test_what_is_no_event_of_this_source_is_refused_with_the_reason(sending: Sending, status: int, words: str) -> None:
    """One bad event of a batch refuses all of it: half a batch would be a riddle to its sender."""
    found, reason = refusal(sending)
    assert (found, words in reason) == (status, True), reason


def test_reasons_repeat_nothing_of_the_request() -> None:
    """Answers end up in logs of proxies."""
    number = "+5585997465553"
    event = offered(1, source=number, data={"tenant": number})
    assert number not in refusal(structured(event))[1]


def test_a_header_twice_is_refused() -> None:
    """Otherwise one of them could be signed and the other read."""
    with pytest.raises(Refused):
        message_of("/in/acme/pbx-1", [("ce-id", "1"), ("Ce-Id", "2")], b"")


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
@pytest.mark.parametrize("mode", [structured, binary, batch])
def test_both_active_secrets_sign(mode: Any, secret: str) -> None:
    """So that a source can change to the new one at its own time."""
    assert is_genuine(signed(mode(offered(1)), secret, at=NOW))


def test_a_signature_is_what_openssl_makes_of_the_same_lines() -> None:
    """The digest was made once by `printf … | openssl dgst -sha256 -hmac present-secret-0001`."""
    sending = Sending("/in/acme/pbx-1", {"Content-Type": "application/cloudevents+json"}, b"{}")
    stamped = sending.with_header("Filaviva-Timestamp", "1795435200")
    assert signature(SECRET.encode(), message(stamped)) == EXAMPLE_SIGNATURE


EXAMPLE_SIGNATURE = "bbefeca322f606d19432e5ca0b8bf968b29850c840ba69fcce35a1b573f09a83"


def test_the_python_of_the_readme_signs_a_binary_event() -> None:
    """As it stands there."""
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)
    sending = binary(offered(1))
    headers = {name.lower(): value for name, value in sending.headers.items()}
    sent = sending.changed(headers=scope["signed"](SECRET, sending.path, headers, sending.body))
    assert is_genuine(sent, time.time())
    assert not is_genuine(sent.with_header("ce-id", "another"), time.time())


@pytest.mark.parametrize("seconds", [-301, 301, 1e9])
def test_a_signature_outside_the_window_is_refused(seconds: float) -> None:
    """A request that was overheard is of no use later."""
    sending = signed(structured(offered(1)), at=NOW)
    assert is_genuine(sending, NOW + 300)
    assert not is_genuine(sending, NOW + seconds)


@pytest.mark.parametrize("stamp", ["", "now", "1795435200.0", "+1795435200", "١٧٩٥٤٣٥٢٠٠", "9" * 30])
def test_a_timestamp_is_whole_seconds(stamp: str) -> None:
    """Anything else cannot be judged, whoever signed it."""
    sending = structured(offered(1)).with_header("Filaviva-Timestamp", stamp)
    digest = signature(SECRET.encode(), message(sending))
    assert not is_genuine(sending.with_header("Filaviva-Signature", digest))


@pytest.mark.parametrize("given", ["Bearer " + SECRET, "bearer  " + OLD_SECRET])
def test_a_bearer_token_is_one_of_the_active_ones(given: str) -> None:
    """The scheme is written in any case."""
    assert is_bearer(message(structured(offered(1)).with_header("Authorization", given)), ACTIVE)


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", SECRET, "Basic " + SECRET, "Bearer x" + SECRET])
def test_no_other_token_is_taken(given: str) -> None:
    """Nothing, too, is none."""
    assert not is_bearer(message(structured(offered(1)).with_header("Authorization", given)), ACTIVE)
    assert not is_bearer(message(with_token(structured(offered(1)), "né")), ACTIVE)
