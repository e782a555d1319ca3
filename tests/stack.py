"""``python -m tests.stack``: the whole of Filaviva on this machine, without containers, until it has run its time.

A real Kafka, a worker, a simulated contact centre with an incident, Prometheus and Alertmanager with what `deploy/`
ships, and Grafana if one is installed; all on loopback. What Alertmanager would send is printed. In the end the centre
stops and the numbers in Prometheus are compared with a recount of what the simulator told; they must be the same.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dashboards.build import GENERATED
from streams import comparison
from streams.cli.called_back import Calls, OwnDialer
from streams.cli.demo_run import rules_of
from streams.cli.kafka_target import target_of_file
from streams.cli.simulate_run import Manner, Topics, encode, play
from streams.connections import librdkafka_options
from streams.domain.recount import read_events
from streams.publisher import Publisher
from streams.settings import load_settings
from streams.settings_sections import Kafka
from streams.simulation.centre import SAC
from streams.simulation.disorder import Disorder
from streams.simulation.incidents import Flood
from streams.simulation.layout import Centre, Team
from streams.simulation.simulation import Simulation
from streams.simulation.telling import Event
from tests.brokers import BrokerUnderTest, of_kafka
from tests.deadlines import wait_until
from tests.grafana_server import GrafanaServer, grafana_program
from tests.installation import Installation, install
from tests.kafka_server import KafkaServer, free_ports, kafka_unavailable_reason
from tests.native_stack import WORKERS, NativeStack
from tests.prometheus_programs import programs_unavailable_reason
from tests.prometheus_server import Prometheus
from tests.webhook_sink import Delivery, WebhookSink
from tests.worker_process import WorkerProcess

NINE = 9
SHIFT_STEP_HOURS = 2
SHIFTS_AT_ONCE = 3
"""A shift lasts six hours."""
DAY = "queue_outcome:filaviva_queue_day_contacts:max > 0"
WAITING = "sum(queue:filaviva_queue_waiting_contacts:max)"
SETTLE_SECONDS = 90
FLOOD = Flood(queue="sac-cartoes", at=timedelta(seconds=20), minutes=2, contacts=40)
"""More callers than anybody could answer: their limit breaks, and somebody is told."""


def always_nine(centre: Centre) -> Centre:
    """The same where it is nine on a Monday at any hour of any day: whoever looks sees it at work."""
    return replace(
        centre,
        queues=tuple(
            replace(
                queue, contacts=round(24 * queue.contacts * queue.by_hour[NINE] / sum(queue.by_hour)), by_hour=(1,) * 24
            )
            for queue in centre.queues
        ),
        teams=tuple(replace(team, shifts=round_the_clock(team)) for team in centre.teams),
        contacts_by_weekday=(1.0,) * 7,
        staff_by_weekday=(1.0,) * 7,
    )


def round_the_clock(team: Team) -> tuple[tuple[int, int], ...]:
    at_nine = sum(agents for hour, agents in team.shifts if NINE - 6 < hour <= NINE)
    return tuple((hour, max(1, round(at_nine / SHIFTS_AT_ONCE))) for hour in range(0, 24, SHIFT_STEP_HOURS))


CENTRE = always_nine(SAC)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.stack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600, help="how long the centre lives; Ctrl-C ends it sooner")
    seconds = parser.parse_args().seconds
    reason = kafka_unavailable_reason() or programs_unavailable_reason()
    if reason:
        print(f"the stack cannot run here: {reason}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="filaviva-stack-") as folder, ExitStack() as everything:
        print("starting Kafka ...", flush=True)
        broker = of_kafka(everything.enter_context(KafkaServer()))
        installation = install(broker, Path(folder), document(), flush_seconds=0.5)
        return run(installation, broker, seconds, everything)


def run(installation: Installation, broker: BrokerUnderTest, seconds: float, everything: ExitStack) -> int:
    print("starting a worker, Prometheus and Alertmanager ...", flush=True)
    worker = everything.enter_context(WorkerProcess(installation.config, SECRETS))
    worker.wait_ready()
    host, port = worker.address
    sink = everything.enter_context(WebhookSink(on_delivery=tell))
    folder = installation.config.parent
    stack = NativeStack(folder, jobs={WORKERS: [f"{host}:{port}"]}, tenants=[CENTRE.tenant], sink=sink)
    everything.enter_context(stack)
    print(f"  metrics       http://{host}:{port}/metrics")
    print(f"  Prometheus    {stack.prometheus.url}")
    print(f"  Alertmanager  {stack.alertmanager.url}")
    show_grafana(stack.prometheus, folder, everything)
    print(f"the centre lives for {seconds:g} s; a flood of callers begins in 20 s. Ctrl-C ends it.", flush=True)
    with told_live(installation, broker) as (simulation, ledger, calls), suppress(KeyboardInterrupt):
        manner = Manner(simulation.start_ms + round(1000 * seconds), 1.0, Disorder(seconds=0, repeat_share=0, seed=1))
        play(simulation, manner, ledger, calls=calls, watch=lambda _now, _sent: None)
    return compare(installation, ledger.sent, stack.prometheus)


def show_grafana(prometheus: Prometheus, folder: Path, everything: ExitStack) -> None:
    if grafana_program() is None:
        print(f"  Grafana       none installed; its dashboards are in {GENERATED}")
        return
    (port,) = free_ports(1)
    grafana = everything.enter_context(GrafanaServer(folder, port, prometheus=prometheus.url))
    print(f"  Grafana       {grafana.url}/d/filaviva-wall?kiosk")


SECRETS = {"ACME_TOKEN_KEY": secrets.token_hex(32), "ACME_SEAL_KEY": secrets.token_hex(32)}


def document() -> dict[str, Any]:
    """The simulated centre, by the wall clock."""
    keys = {"token_key_env": "ACME_TOKEN_KEY", "seal_key_env": "ACME_SEAL_KEY"}
    return {"clock": {"mode": "wall"}, "privacy": {"tenants": {CENTRE.tenant: keys}}, **CENTRE.sections()}


class Ledger(Topics):
    """Into Kafka, and kept: the truth."""

    def __init__(self, publisher: Publisher) -> None:
        super().__init__(publisher, event_clock=False)
        self.sent: list[Event] = []

    def send(self, event: Event) -> None:
        super().send(event)
        self.sent.append(event)


@contextmanager
def told_live(installation: Installation, broker: BrokerUnderTest) -> Iterator[tuple[Simulation, Ledger, Calls]]:
    kafka = Kafka(brokers=(broker.bootstrap,))
    publisher = Publisher([broker.bootstrap], broker.prefix, librdkafka_options(kafka))
    dialer = OwnDialer(target_of_file(installation.config))
    ledger = Ledger(publisher)
    try:
        yield Simulation(CENTRE, 7, datetime.now().astimezone(), [FLOOD], imitates_plans=False), ledger, dialer.tell
    finally:
        dialer.close()
        ledger.close()


def compare(installation: Installation, sent: list[Event], prometheus: Prometheus) -> int:
    """Whether Prometheus comes to say what a recount of the told events says."""
    print("the centre rests; comparing Prometheus with a recount of what was told ...", flush=True)
    settings = load_settings(installation.config, environment=SECRETS)
    expected = comparison.expected_facts(
        read_events(map(encode, sent)), rules_of(settings), now_ms=round(time.time() * 1000)
    )
    day = {queue: {o: n for o, n in counts.items() if n} for queue, counts in expected[comparison.DAY].items()}
    day = {queue: counts for queue, counts in day.items() if counts}
    waiting = sum(counts["waiting"] for counts in expected[comparison.QUEUES].values())
    try:
        wait_until(
            lambda: counted(prometheus) == day and prometheus.value(WAITING) == waiting,
            "Prometheus says what was told",
            seconds=SETTLE_SECONDS,
        )
    except AssertionError as error:
        print(f"DIFFERENT: {error}\n  recount    {day}, {waiting} waiting", file=sys.stderr)
        print(f"  Prometheus {counted(prometheus)}, {prometheus.value(WAITING)} waiting", file=sys.stderr)
        return 1
    contacts = sum(sum(counts.values()) for counts in day.values())
    print(f"equal: {contacts} contacts of {len(day)} queues by outcome, and {waiting} who wait")
    return 0


def counted(prometheus: Prometheus) -> dict[str, dict[str, int]]:
    day: dict[str, dict[str, int]] = {}
    for labels, value in prometheus.series(DAY):
        queue = f"{labels['tenant']}/{labels['queue']}/{labels['channel']}"
        day.setdefault(queue, {})[labels["outcome"]] = round(value)
    return day


def tell(delivery: Delivery) -> None:
    """What somebody would read on a telephone."""
    if delivery.alertname == "Watchdog":
        return
    for alert in delivery.message["alerts"]:
        mark = "resolved" if alert["status"] == "resolved" else alert["labels"]["severity"]
        print(
            f"{time.strftime('%H:%M:%S')} to {delivery.receiver}: [{mark}] {alert['annotations']['summary']}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
