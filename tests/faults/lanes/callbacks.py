"""Abandons and requests by the thousand, a rough dialer, opt-outs, and kills of workers and dialer all the while."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from confluent_kafka import Producer

from streams.cli.demo_run import rules_of
from streams.partitioning import partition_of
from streams.settings import load_settings
from streams.told import Told
from streams.topics import CALLBACK_JOBS, CALLBACK_PLANS, full_name
from tests.deadlines import wait_until
from tests.faults import centre, topics
from tests.faults.bench import Bench, Run, Setting, bench
from tests.faults.cancels import Outages, judge_cancels
from tests.faults.load import PRODUCER, now_text
from tests.faults.plan import Fault, pass_seconds, play, spread
from tests.faults.releases import Releases
from tests.faults.report import Report
from tests.faults.rough_dialer import RoughDialer
from tests.faults.visits import Moment, PlannedVisit

LANE: Final = "callbacks"
AGENTS: Final = 60
LEASE_SECONDS: Final = 10
OPT_OUTS: Final = 0.03
WAYS: Final = (46, 46, 8)
"""Who gives up, who asks to be called, who is served; on Sundays and holidays only those who ask are called."""


class Size(NamedTuple):
    """How much of everything. Nobody is called within the lateness bound after an abandon."""

    visits: int
    visits_per_second: float
    customers: int
    kills: int
    within_seconds: float
    jobs: int


FULL: Final = Size(22_000, 110, 6000, 20, 330, 4000)
SHORT: Final = Size(700, 20, 300, 3, 110, 60)


def run(run: Run) -> Report:
    size = SHORT if run.is_short else FULL
    with bench(run, Report(LANE, run.seed), Setting(workers=2, document=document())) as bed:
        producer = Producer({**PRODUCER, "bootstrap.servers": bed.server.bootstrap})
        tell_agents(bed, producer, "available")
        dialer = RoughDialer(bed, run.seed)
        dialer.start()
        load = bed.load(per_second=size.visits_per_second, plan=lost_customers(run.seed, size))
        outages = Outages(bed.fleet)
        kills = spread("kill", size.kills, within=(5.0, size.within_seconds), seed=run.seed)
        dialer_kills = spread("kill dialer", size.kills // 2 + 1, within=(70.0, size.within_seconds), seed=run.seed)
        happened = play(
            [*kills, *dialer_kills, Fault("opt out", 50.0)],
            {"kill": outages.kill, "kill dialer": dialer.kill, "opt out": lambda _: opt_out(bed, producer, size)},
            meanwhile=outages.tend,
        )
        load.wait_told(300)
        wait_until(lambda: enough(outages, dialer, size), f"{size.jobs} jobs are dialled", seconds=400)
        run.say(f"{len(happened.fired)} faults; {dict(dialer.counts)}")
        tell_agents(bed, producer, "offline")
        pass_seconds(LEASE_SECONDS + 8, outages.tend)  # the fault is silence: calls of which nobody ever reports
        dialer.stop()
        bed.tell(happened)
        bed.verify()
        judge_releases(bed)
        judge_cancels(jobs_of(bed), outages, bed.report)
        for name, number in sorted(dialer.counts.items()):
            bed.report.count(name, number)
        return bed.report


def document() -> dict[str, Any]:
    """Calls at any hour and as often as it takes, tried again within seconds."""
    plain = centre.document()
    retry = {"busy": 5, "failed": 5, "no_answer": 10, "voicemail": 10, "refused": 10, "no_result": 5, "abandoned": 5}
    every_hour = dict.fromkeys(("weekdays", "saturday", "asked"), "00:00-24:00")
    callbacks = {
        **plain["callback_queues"][0],
        "retry_seconds": {**retry, "answered": 10},
        "lease_seconds": LEASE_SECONDS,
        "yield_seconds": None,
        "hours": every_hour,
        "calls_per_day": 100,
        "calls_per_month": 1000,
    }
    return {**plain, "callback_queues": [callbacks]}


def lost_customers(seed: int, size: Size) -> Iterator[PlannedVisit]:
    """Most give up or ask to be called, many of them again and again; some are served, from whichever number."""
    chance = random.Random(f"lost/{seed}")
    for number in range(size.visits):
        who = chance.randrange(size.customers)
        customer = {"address": number_of(who, second=chance.random() < 0.1), "id": f"C-{who}"}
        kind = chance.choices(("abandoned", "callback_requested", "answered"), WAYS)[0]
        wait = chance.uniform(1.2, 4.0)
        moments = (
            Moment(0.0, "offered", {"customer": customer}, copies=chance.random() < 0.03),
            Moment(wait, kind, {}, held_seconds=chance.choice((0.0, 0.0, 0.5))),
        )
        yield PlannedVisit(f"lost-{number}", chance.choice(centre.VOICE[1:]), "voice", centre.SOURCES[0], moments)


def number_of(who: int, *, second: bool = False) -> str:
    return f"+55859{(50_000_000 if second else 0) + who:08d}"


def tell_agents(bed: Bench, producer: Producer, state: str) -> None:
    """What all agents do from now on."""
    for number in range(AGENTS):
        agent_id = f"agent-{number}"
        data = {
            "tenant": centre.TENANT,
            "site": centre.SITE,
            "agent_id": agent_id,
            "state": state,
            "queues": [centre.VOICE[0]],
        }
        put(bed, producer, "agent-events", f"{centre.TENANT}/{agent_id}", kind="agent.state", data=data)
    producer.flush(30)


def opt_out(bed: Bench, producer: Producer, size: Size) -> str:
    """Some customers want no calls any more."""
    rules = rules_of(load_settings(bed.installation.config))
    chosen = range(0, size.customers, round(1 / OPT_OUTS))
    for who in chosen:
        token = rules.token_of(centre.TENANT, number_of(who))
        data = {"tenant": centre.TENANT, "token": token}
        put(bed, producer, "commands", f"{centre.TENANT}/{token}", kind="command.opt_out", data=data)
    producer.flush(30)
    return f"{len(chosen)} customers opted out"


def put(bed: Bench, producer: Producer, topic: str, key: str, *, kind: str, data: dict[str, Any]) -> None:
    now = time.time()
    event = {
        "specversion": "1.0",
        "id": f"{key}/{kind}/{now}",
        "source": centre.SOURCES[0],
        "type": kind,
        "time": now_text(now),
        "data": data,
    }
    partition = partition_of(key, bed.installation.partitions)
    producer.produce(full_name(bed.installation.broker.prefix, topic), json.dumps(event), key, partition=partition)


def enough(outages: Outages, dialer: RoughDialer, size: Size) -> bool:
    outages.tend()
    return dialer.counts["jobs"] >= size.jobs


def jobs_of(bed: Bench) -> Iterator[topics.Stored]:
    broker = bed.installation.broker
    return topics.read(broker.bootstrap, broker.prefix, [CALLBACK_JOBS], bed.installation.partitions)


def judge_releases(bed: Bench) -> None:
    """The jobs are exactly the releases that stand by the log."""
    broker = bed.installation.broker
    releases, told = Releases(), Told()
    dialled: set[str] = set()
    every = ("dialling-log", CALLBACK_JOBS, CALLBACK_PLANS)
    for record in topics.read(broker.bootstrap, broker.prefix, every, bed.installation.partitions):
        if record.topic != "dialling-log":
            told.take(record.topic, record.value)
        event = json.loads(record.value or b"{}")
        if record.topic == "dialling-log":
            releases.take(event)
        elif event.get("type") == "callback.dial":
            dialled.add(event["data"]["job_id"])
    bed.report.equal("jobs that no release stands for", len(dialled - releases.standing), 0)
    bed.report.equal("releases that stand and were not dialled", len(releases.standing - dialled), 0)
    bed.report.count("releases void by the log", len(releases.void))
    bed.report.count("releases of owners before", len(releases.stray))
    states = Counter(plan["state"] for plan in told.newest[CALLBACK_PLANS].values() if plan["reasons"])
    for state, number in sorted(states.items()):
        bed.report.count(f"plans {state}", number)
    bed.report.claim("customers were won back", states["recovered"], holds=states["recovered"] > 0)
