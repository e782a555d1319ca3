"""The gateway over real HTTP, with a broker behind it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import time
from asyncio.subprocess import PIPE, STDOUT
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from streams import metric_names
from streams.connections import PROTOCOL_RELEASE
from streams.embedded.broker import EmbeddedBroker
from streams.gateway.entrances import PATH
from streams.gateway.openapi import ANSWERS, OPENAPI
from streams.gateway.server import MAX_BODY_BYTES
from streams.metric_names import MetricName
from streams.publisher import Publisher
from streams.schemas import FOLDER
from streams.topic_reading import TopicReader
from streams.topics import TOPICS, full_name
from tests.deadlines import until
from tests.gateway_client import (
    SECRET,
    GatewayUnderTest,
    Sending,
    batch,
    binary,
    listening,
    offered,
    signed,
    structured,
    with_token,
)

pytestmark = pytest.mark.embedded
README = Path(__file__).resolve().parents[2] / "streams" / "gateway" / "README.md"
PREFIX, PARTITIONS = "t", 4
SECONDS_AWAY = 6.0
TAKEN_AGAIN_SECONDS = 60.0
DELIVERY_SECONDS = 2.0


@contextmanager
def publishing(broker: EmbeddedBroker) -> Iterator[Publisher]:
    for spec in TOPICS:
        if spec.is_input:
            broker.create_topic(full_name(PREFIX, spec.name), PARTITIONS)
    yield Publisher([broker.bootstrap], PREFIX, {}, answers_for_each=True, delivery_seconds=DELIVERY_SECONDS)


def ids_in(broker: EmbeddedBroker, topic: str = "call-events") -> list[str]:
    """The ids of every record of a topic."""
    with TopicReader([broker.bootstrap], {"api_version": PROTOCOL_RELEASE}) as reader:
        return [
            json.loads(each.value or b"")["id"] for each in reader.records(full_name(PREFIX, topic), lambda _: None)
        ]


MODES: tuple[Callable[..., Sending], ...] = (structured, binary, batch)


def test_events_in_every_mode_are_in_the_topic_when_they_are_answered(embedded_broker: EmbeddedBroker) -> None:
    """In the partition of their owner, by any of both proofs; the answer says how many."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher) as gateway:
                for number, mode in enumerate(MODES):
                    answer = await gateway.send(signed(mode(offered(number))))
                    assert (answer.status, json.loads(answer.text)) == (200, {"accepted": 1})
                many = batch(*(offered(number) for number in range(10, 110)))
                assert json.loads((await gateway.send(signed(many))).text) == {"accepted": 100}
                of_bot = structured(offered(200, source="bot"), path="/in/acme/bot")
                assert (await gateway.send(with_token(of_bot))).status == 200
                found = await asyncio.to_thread(ids_in, embedded_broker)
                assert sorted(found) == sorted(f"c{number}/offered" for number in (*range(3), *range(10, 110), 200))

    asyncio.run(scenario())


def altered(valid: Sending, chance: random.Random) -> Sending:
    """A valid signed request with one thing changed that says what it is, who sent it or when."""
    kind = chance.randrange(10)
    name = chance.choice(sorted(name for name in valid.headers if name.startswith("ce-")) or ["Content-Type"])
    match kind:
        case 0:
            place = chance.randrange(len(valid.body))
            other = bytes([valid.body[place] ^ (1 << chance.randrange(8))])
            return valid.changed(body=valid.body[:place] + other + valid.body[place + 1 :])
        case 1:
            return valid.changed(body=valid.body + chance.choice([b" ", b"\n", b"{}", b"\x00"]))
        case 2:
            return valid.changed(body=valid.body[: chance.randrange(len(valid.body))])
        case 3:
            return valid.with_header(name, valid.headers[name] + chance.choice("0az;"))
        case 4:
            return valid.without_header(name) if name != "Content-Type" else valid.with_header(name, "text/plain")
        case 5:
            return valid.with_header("ce-" + chance.choice(["subject", "priority", "x"]), "1")
        case 6:
            stamp = int(valid.headers["Filaviva-Timestamp"]) + chance.choice([-1, 1, 60, -86_400])
            return valid.with_header("Filaviva-Timestamp", str(stamp))
        case 7:
            digest = valid.headers["Filaviva-Signature"]
            place = chance.randrange(len(digest))
            digit = chance.choice([each for each in "0123456789abcdef" if each != digest[place]])
            return valid.with_header("Filaviva-Signature", digest[:place] + digit + digest[place + 1 :])
        case 8:
            digest = valid.headers["Filaviva-Signature"]
            other = chance.choice(["", digest.upper() + "A", digest[:-1], f"v1={digest}", digest + digest])
            return valid.with_header("Filaviva-Signature", other)
        case _:
            return valid.changed(path=chance.choice(["/in/other/pbx-1", "/in/acme/bot", "/in/acme/pbx-1?x=1"]))


def test_5000_altered_requests_are_refused_and_no_valid_one(embedded_broker: EmbeddedBroker) -> None:
    """By real clients, eight at a time, the valid ones among them; the topic then holds those alone."""
    seed = random.randrange(10**9)
    chance = random.Random(seed)
    valid = [signed(chance.choice(MODES)(offered(number))) for number in range(500)]
    sendings = [(each, True) for each in valid]
    sendings += [(altered(chance.choice(valid), chance), False) for _ in range(4500)]
    late = {"at": 1_700_000_000.0}
    sendings += [(signed(chance.choice(MODES)(offered(1000 + number)), **late), False) for number in range(250)]
    wrong = [signed(chance.choice(MODES)(offered(2000 + number)), "not-the-secret-00") for number in range(250)]
    sendings += [(each, False) for each in wrong]
    chance.shuffle(sendings)
    answers: Counter[tuple[bool, int]] = Counter()

    async def client(gateway: GatewayUnderTest, mine: list[tuple[Sending, bool]]) -> None:
        for sending, is_valid in mine:
            answers[is_valid, (await gateway.send(sending)).status] += 1

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher) as gateway:
                await asyncio.gather(*(client(gateway, sendings[number::8]) for number in range(8)))

    asyncio.run(scenario())
    assert answers[True, 200] == 500, f"seed {seed}: {answers}"
    assert sum(count for (is_valid, status), count in answers.items() if not is_valid and status in (401, 404)) == 5000
    assert sorted(ids_in(embedded_broker)) == sorted(f"c{number}/offered" for number in range(500))


def test_nothing_is_swallowed_while_the_broker_is_away(embedded_broker: EmbeddedBroker) -> None:
    """Every request is answered: 200 and in the topic, or asked to come again; afterwards, without help, 200 again."""
    answers: dict[str, int] = {}
    asked_to_wait: set[str] = set()
    stopped = asyncio.Event()

    async def client(gateway: GatewayUnderTest, name: str) -> None:
        number = 0
        while not stopped.is_set():
            event = offered(number, id=f"{name}-{number}")
            answer = await gateway.send(signed(structured(event)))
            answers[event["id"]] = answer.status
            if answer.status != 200:
                asked_to_wait.add(answer.headers["Retry-After"])
                await asyncio.sleep(0.05)
            number += 1

    def taken() -> set[str]:
        return {event_id for event_id, status in answers.items() if status == 200}

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher) as gateway:
                clients = [asyncio.create_task(client(gateway, f"client{each}")) for each in range(6)]

                async def is_ready() -> bool:
                    return (await gateway.get("/readyz")).status == 200

                async def is_away_for_long() -> bool:
                    return time.monotonic() >= back_at and not await is_ready()

                async def takes_again() -> bool:
                    return await is_ready() and len(taken()) >= before + 100

                async def has_begun() -> bool:
                    return len(taken()) >= 100

                await until(has_begun, "events are taken")
                back_at = time.monotonic() + SECONDS_AWAY
                embedded_broker.set_down(True)
                await until(is_away_for_long, "the gateway is not ready any more")
                assert (await gateway.get("/healthz")).status == 200
                before = len(taken())
                embedded_broker.set_down(False)
                await until(takes_again, "events are taken again", seconds=TAKEN_AGAIN_SECONDS)
                stopped.set()
                await asyncio.gather(*clients)

    asyncio.run(scenario())
    assert set(answers.values()) == {200, 503}
    assert asked_to_wait == {"5"}
    assert taken() <= set(ids_in(embedded_broker)) <= set(answers)


def test_requests_under_way_are_answered_before_the_listener_ends(embedded_broker: EmbeddedBroker) -> None:
    """The broker takes its time; whoever is under way gets the answer, whoever comes later is not let in."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher) as gateway:
                assert (await gateway.send(signed(structured(offered(98))))).status == 200
                embedded_broker.set_round_trip(700)
                under_way = [asyncio.create_task(gateway.send(signed(structured(offered(n))))) for n in range(20)]

                async def are_let_in() -> bool:
                    return gateway.server._in_flight_bytes >= 20 * 100

                await until(are_let_in, "the requests are under way")
                await gateway.server.stop()
                assert {(await each).status for each in under_way} <= {200, 503}
                taken = [number for number, each in enumerate(under_way) if (await each).status == 200]
                assert taken
                with pytest.raises(OSError):
                    await gateway.send(signed(structured(offered(99))))
        embedded_broker.set_round_trip(0)
        assert {f"c{number}/offered" for number in taken} <= set(await asyncio.to_thread(ids_in, embedded_broker))

    asyncio.run(scenario())


def test_a_topic_that_may_not_be_seen_is_said_so(embedded_broker: EmbeddedBroker) -> None:
    """Its records are asked for again, those of other topics are taken: rights are given while the gateway runs."""

    async def scenario() -> None:
        embedded_broker.create_topic(full_name(PREFIX, "call-events"), PARTITIONS)
        publisher = Publisher([embedded_broker.bootstrap], PREFIX, {}, answers_for_each=True)
        async with listening(publisher) as gateway:
            report = {"tenant": "acme", "callback_queue": "retorno", "job_id": "j", "outcome": "busy"}
            answer = await gateway.send(signed(structured(offered(1, type="dial.attempted", data=report))))
            assert (answer.status, "callback-results" in answer.text) == (503, True)
            assert (await gateway.send(signed(structured(offered(1))))).status == 200

    asyncio.run(scenario())


def test_too_much_at_a_time_is_asked_to_come_again(embedded_broker: EmbeddedBroker) -> None:
    """Of one source 429, of all together 503, both with Retry-After; what was taken is in the topic."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher, max_requests=3, max_in_flight_bytes=900_000) as gateway:
                assert (await gateway.send(signed(structured(offered(98))))).status == 200
                embedded_broker.set_round_trip(300)
                small = [gateway.send(signed(structured(offered(number)))) for number in range(20)]
                statuses = Counter(answer.status for answer in await asyncio.gather(*small))
                assert statuses.keys() == {200, 429}
                large = [
                    gateway.send(signed(structured(offered(100 + number, filler="x" * 400_000)))) for number in range(3)
                ]
                answers = await asyncio.gather(*large)
                assert {answer.status for answer in answers} == {200, 503}
                assert all("Retry-After" in answer.headers for answer in answers if answer.status == 503)
                assert gateway.server._in_flight_bytes == 0

    asyncio.run(scenario())


def test_what_is_too_large_or_packed_is_refused(embedded_broker: EmbeddedBroker) -> None:
    """With and without a length; a compressed body could become any size."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher) as gateway:
                large = structured({}).changed(body=b" " * (MAX_BODY_BYTES + 1))
                assert (await gateway.send(large)).status == 413
                assert (await gateway.send(large, in_pieces=True)).status == 413
                assert (await gateway.send(signed(structured(offered(1))), in_pieces=True)).status == 200
                packed = signed(structured(offered(1))).with_header("Content-Encoding", "gzip")
                assert (await gateway.send(packed)).status == 415
                assert (await gateway.send(structured(offered(1), path="/in/acme/nobody"))).status == 404
                assert (await gateway.send(structured(offered(1)))).status == 401

    asyncio.run(scenario())


def test_the_first_event_of_the_readme_is_taken(embedded_broker: EmbeddedBroker) -> None:
    """Its shell commands as they stand there, with curl and openssl."""
    if not (shutil.which("curl") and shutil.which("openssl")):
        pytest.skip("needs curl and openssl")
    (commands,) = re.findall(r"```bash\n(.*?)```", README.read_text(), re.DOTALL)

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher) as gateway:
                variables = {"GATEWAY": f"http://127.0.0.1:{gateway.port}", "FILAVIVA_CRM_SECRET": SECRET}
                process = await asyncio.create_subprocess_exec(
                    "bash", "-c", commands, env={**os.environ, **variables}, stdout=PIPE, stderr=STDOUT
                )
                output, _ = await process.communicate()
                assert (process.returncode, json.loads(output)) == (0, {"accepted": 1})

    asyncio.run(scenario())
    assert ids_in(embedded_broker) == ["t1/offered"]


GATEWAY_METRICS = [
    each for name, each in vars(metric_names).items() if name.startswith("GATEWAY_") and isinstance(each, MetricName)
]


def test_the_page_of_metrics_shows_what_was_taken(embedded_broker: EmbeddedBroker) -> None:
    """All names of the catalogue, sources from the beginning, and a count that fits."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher) as gateway:
                await gateway.send(signed(batch(offered(1), offered(2))))
                await gateway.send(structured(offered(1)))
                families = {
                    each.name: each for each in text_string_to_metric_families((await gateway.get("/metrics")).text)
                }
                assert families.keys() == {each.name.removesuffix("_total") for each in GATEWAY_METRICS}
                events = {
                    (each.labels["tenant"], each.labels["source"]): each.value
                    for each in families["filaviva_gateway_events"].samples
                }
                assert events.pop(("acme", "pbx-1")) == 2
                assert events == {("acme", "crm-1"): 0, ("acme", "bot"): 0, ("other", "pbx-1"): 0}
                statuses = [each for each in families["filaviva_gateway_requests"].samples if each.value]
                assert {each.labels["status"]: each.value for each in statuses} == {"200": 1, "401": 1}

    asyncio.run(scenario())


def test_the_openapi_document_has_the_routes_of_the_listener(embedded_broker: EmbeddedBroker) -> None:
    """Every path and method, and every status that a request to an entrance is answered with in these tests."""

    async def scenario() -> None:
        with publishing(embedded_broker) as publisher:
            async with listening(publisher) as gateway:
                routes = gateway.server.application().router.routes()
                served = {(each.method.lower(), each.resource.canonical) for each in routes if each.resource}
                document = yaml.safe_load((FOLDER / OPENAPI).read_text())
                described = {(method, path) for path, each in document["paths"].items() for method in each}
                assert described == {each for each in served if each[0] != "head"}
                assert set(document["paths"][PATH]["post"]["responses"]) == {str(status) for status in ANSWERS}

    asyncio.run(scenario())
