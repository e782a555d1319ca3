"""Platforms' webhooks over real HTTP: their own proofs, and events in the topic."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import random
import re
import shutil
import time
from asyncio.subprocess import PIPE, STDOUT
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from streams.embedded.broker import EmbeddedBroker
from streams.gateway.entrances import PROOFS
from streams.settings_sections import PROOFS_OF_KIND
from tests.deadlines import until
from tests.gateway_client import SECRET, TOKEN, Sending, listening, of_platforms, with_token
from tests.integration.test_gateway import ids_in, publishing
from tests.unit.test_amazon_connect import answered_call
from tests.unit.test_chatwoot import changed, created, message
from tests.unit.test_whatsapp import notification, said, sent

pytestmark = pytest.mark.embedded
JSON = {"Content-Type": "application/json"}


def by_chatwoot(hook: dict[str, Any], *, at: float | None = None, secret: str = SECRET) -> Sending:
    """As Chatwoot 4 signs: over timestamp, a dot and the body."""
    body = json.dumps(hook).encode()
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {**JSON, "X-Chatwoot-Timestamp": stamp, "X-Chatwoot-Signature": f"sha256={digest}"}
    return Sending("/in/acme/chatwoot-1", headers, body)


def altered(valid: Sending, chance: random.Random, *, signature: str, timestamp: str | None) -> Sending:
    """With one thing changed that its platform's signature covers, or the signature itself."""
    kind = chance.randrange(4 if timestamp else 3)
    if kind == 0:
        place = chance.randrange(len(valid.body))
        other = bytes([valid.body[place] ^ (1 << chance.randrange(8))])
        return valid.changed(body=valid.body[:place] + other + valid.body[place + 1 :])
    if kind == 1:
        return valid.changed(body=valid.body[: chance.randrange(len(valid.body))])
    if kind == 2:
        digest = valid.headers[signature]
        wrong = chance.choice(["", digest[:-1], digest.upper(), digest.removeprefix("sha256="), digest + "0"])
        return valid.with_header(signature, wrong)
    assert timestamp
    return valid.with_header(timestamp, str(int(valid.headers[timestamp]) + chance.choice([-1, 1, 1000])))


def test_every_kind_has_the_proofs_that_may_be_configured() -> None:
    """What `filaviva check` lets through is what the gateway can do."""
    assert set(PROOFS) == {(kind, proof) for kind, proofs in PROOFS_OF_KIND.items() for proof in proofs}


def test_chatwoots_webhooks_are_taken_by_their_signature_alone(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """A thousand altered ones are refused, the valid ones among them become visits."""
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    valid = [by_chatwoot(created(id=number)) for number in range(100)]
    headers = {"signature": "X-Chatwoot-Signature", "timestamp": "X-Chatwoot-Timestamp"}
    sendings = [(each, True) for each in valid]
    sendings += [(altered(chance.choice(valid), chance, **headers), False) for _ in range(900)]
    sendings += [(by_chatwoot(created(id=1000 + number), at=1_700_000_000), False) for number in range(50)]
    sendings += [(by_chatwoot(created(id=2000 + number), secret="not-the-secret-00"), False) for number in range(50)]
    chance.shuffle(sendings)
    answers: Counter[tuple[bool, int]] = Counter()

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher, of_platforms(tmp_path)) as gateway:

                async def client(mine: list[tuple[Sending, bool]]) -> None:
                    for sending, is_valid in mine:
                        answers[is_valid, (await gateway.send(sending)).status] += 1

                await asyncio.gather(*(client(sendings[number::8]) for number in range(8)))

    asyncio.run(scenario())
    assert answers == {(True, 200): 100, (False, 401): 1000}, f"seed {seed}"
    assert sorted(ids_in(embedded_broker, "chat-events")) == sorted(
        f"chatwoot-1-1-{number}/sac-chat/1/offered" for number in range(100)
    )


def test_an_old_chatwoot_proves_itself_in_the_address(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """Releases before 4 sign nothing and send no header of one's own."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher, of_platforms(tmp_path)) as gateway:
                body = json.dumps(created()).encode()
                for query, status in (
                    (f"?token={SECRET}", 200),
                    ("?token=not-the-secret-00", 401),
                    (f"?token={SECRET}&token={SECRET}", 401),
                    ("?token=", 401),
                    ("", 401),
                ):
                    answer = await gateway.send(Sending(f"/in/acme/chatwoot-old{query}", JSON, body))
                    assert answer.status == status, query

    asyncio.run(scenario())


def test_a_webhook_that_was_refused_is_told_once_kafka_is_back(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """Chatwoot forgets it. What its mapping had made of it is delivered without a further request."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher, of_platforms(tmp_path)) as gateway:
                assert (await gateway.send(by_chatwoot(created()))).status == 200
                embedded_broker.set_down(True)
                assert (await gateway.send(by_chatwoot(message(100, 5)))).status == 503
                embedded_broker.set_down(False)

                async def is_told() -> bool:
                    return "chatwoot-1-1-10/sac-chat/1/message-100" in await asyncio.to_thread(
                        ids_in, embedded_broker, "chat-events"
                    )

                await until(is_told, "the message is in the topic", seconds=60)
            async with listening(publisher, of_platforms(tmp_path)) as gateway:
                answer = await gateway.send(by_chatwoot(changed("resolved", 60)))
                assert json.loads(answer.text) == {"accepted": 1}

    asyncio.run(scenario())


def by_meta(notification: dict[str, Any], secret: str = SECRET) -> Sending:
    """As Meta signs: over the body alone."""
    body = json.dumps(notification).encode()
    digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return Sending("/in/acme/whatsapp-1", {**JSON, "X-Hub-Signature-256": f"sha256={digest}"}, body)


def test_metas_notifications_are_taken_by_their_signature_alone(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """Altered ones are refused; a batch becomes all its events; a repeated one no other."""
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    valid = [by_meta(notification(said(number, number), sent(1000 + number, 60 + number))) for number in range(10)]
    wrong = [altered(chance.choice(valid), chance, signature="X-Hub-Signature-256", timestamp=None) for _ in range(300)]
    wrong += [by_meta(notification(said(5000, 0)), "not-the-secret-00"), valid[0].without_header("X-Hub-Signature-256")]

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher, of_platforms(tmp_path)) as gateway:
                assert {(await gateway.send(each)).status for each in wrong} == {401}, f"seed {seed}"
                assert {(await gateway.send(each)).status for each in [*valid, *valid]} == {200}

    asyncio.run(scenario())
    ids = ids_in(embedded_broker, "chat-events")
    assert len(set(ids)) == 1 + 10 + 10


def test_meta_reads_its_challenge_back(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """With the verify token alone, and nothing that could be a page."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher, of_platforms(tmp_path)) as gateway:
                asked = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
                answer = await gateway.get(f"/in/acme/whatsapp-1?{asked}{TOKEN}")
                assert (answer.status, answer.text) == (200, "1158201444")
                for query in (f"{asked}wrong", asked, f"hub.mode=subscribe&hub.verify_token={TOKEN}&hub.challenge=<b>"):
                    assert (await gateway.get(f"/in/acme/whatsapp-1?{query}")).status == 403
                assert (await gateway.get(f"/in/acme/connect-1?{asked}")).status == 403
                assert (await gateway.get(f"/in/acme/nobody?{asked}")).status == 404

    asyncio.run(scenario())


def test_amazons_events_come_with_the_key_of_their_connection(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    """EventBridge signs nothing; its connection adds the header."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher, of_platforms(tmp_path)) as gateway:
                for record in answered_call():
                    sending = Sending("/in/acme/connect-1", JSON, json.dumps(record).encode())
                    assert (await gateway.send(sending)).status == 401
                    assert (await gateway.send(with_token(sending, "not-the-secret-00"))).status == 401
                    assert (await gateway.send(with_token(sending, SECRET))).status == 200
                assert (await gateway.send(with_token(sending.changed(body=b"{}"), SECRET))).status == 400

    asyncio.run(scenario())
    kinds = {event_id.rpartition("/")[2] for event_id in ids_in(embedded_broker)}
    assert kinds == {"offered", "answered", "ended", "wrapped_up"}


def test_what_a_mapping_leaves_out_and_what_kafka_owes_is_on_the_page(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    """By source and kind: a platform that begins to send something new is seen."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher, of_platforms(tmp_path)) as gateway:
                for kind in ("nova", "nova", "conversation_typing_on"):
                    assert (await gateway.send(by_chatwoot({"event": kind}))).status == 200
                page = (await gateway.get("/metrics")).text
                place = 'source="chatwoot-1",tenant="acme"'
                assert f'filaviva_gateway_ignored_records_total{{kind="nova",{place}}} 2.0' in page
                assert f"filaviva_gateway_owed_events{{{place}}} 0.0" in page

    asyncio.run(scenario())


README = Path(__file__).resolve().parents[2] / "streams" / "sources" / "README.md"


@pytest.mark.parametrize("vendor", ["Chatwoot", "WhatsApp", "Amazon Connect"])
def test_the_webhook_by_hand_of_the_readme_is_taken(
    embedded_broker: EmbeddedBroker, tmp_path: Path, vendor: str
) -> None:
    """The shell commands of each vendor's section as they stand there, with curl and openssl."""
    if not (shutil.which("curl") and shutil.which("openssl")):
        pytest.skip("needs curl and openssl")
    section = README.read_text().partition(f"\n## {vendor}\n")[2].partition("\n## ")[0]
    (commands,) = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher, of_platforms(tmp_path)) as gateway:
                variables = {"GATEWAY": f"http://127.0.0.1:{gateway.port}"}
                secrets = dict.fromkeys(re.findall(r"\$(FILAVIVA_[A-Z_]+)", commands), SECRET)
                process = await asyncio.create_subprocess_exec(
                    "bash", "-c", commands, env={**os.environ, **variables, **secrets}, stdout=PIPE, stderr=STDOUT
                )
                output, _ = await process.communicate()
                assert process.returncode == 0, output
                assert json.loads(output)["accepted"] >= 1

    asyncio.run(scenario())
