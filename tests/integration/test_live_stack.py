"""What is seen and heard, live: real Kafka, two workers, Prometheus, Alertmanager, and a centre where things go wrong.

One test, because everything stands on one stack; its stages are functions that read in order.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import yaml

from dashboards.recording import RECORDINGS
from tests import live_intake, live_traffic, panel_queries
from tests.brokers import of_kafka
from tests.deadlines import wait_until
from tests.installation import Installation, install
from tests.kafka_server import KafkaServer, free_ports
from tests.lanes import missing
from tests.leash import leash
from tests.live_intake import LiveIntake, intake_ports, running_intake
from tests.live_traffic import AGENTS_PER_QUEUE, BUSY, SECRETS, TENANT, LiveTraffic
from tests.native_stack import GATEWAYS, MOVERS, WORKERS, NativeStack
from tests.panel_queries import Query
from tests.prometheus_programs import program, programs_unavailable_reason
from tests.prometheus_server import Prometheus
from tests.webhook_sink import WebhookSink
from tests.worker_process import PROJECT, STOP_SECONDS, WorkerProcess

pytestmark = [pytest.mark.kafka, pytest.mark.prometheus, pytest.mark.alone]

LANE_SECONDS = 540
PATIENCE_SECONDS = 120
BREACH_TO_WEBHOOK_SECONDS = 60
LIMIT_SECONDS = live_traffic.MAX_WAIT_SECONDS["sac"]
SETTLED_SECONDS = 2
CHART_SECONDS, CHART_STEP_SECONDS = 120, 5
WALL = "filaviva-wall"
PLACE = ZoneInfo("America/Fortaleza")


class Watch:
    """Which queries have given data so far; an error of any of them fails at once."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._queries = list(panel_queries.queries())
        self.answered: set[tuple[str, str]] = set()

    def look(self) -> None:
        for query in self._queries:
            if query.panel not in self.answered and self._has_data(query):
                self.answered.add(query.panel)

    def _has_data(self, query: Query) -> bool:
        if query.is_instant:
            return bool(self._prometheus.series(query.promql))
        end = time.time()
        return self._prometheus.has_range(query.promql, start=end - CHART_SECONDS, end=end, step=CHART_STEP_SECONDS)

    def unanswered(self) -> set[tuple[str, str]]:
        return {query.panel for query in self._queries} - self.answered


class Live:
    """Everything that runs, and what is asked of it."""

    def __init__(
        self,
        installation: Installation,
        stack: NativeStack,
        *,
        traffic: LiveTraffic,
        sink: WebhookSink,
        workers: list[WorkerProcess],
        intake: LiveIntake,
    ) -> None:
        self.installation = installation
        self.intake = intake
        self.stack = stack
        self.prometheus = stack.prometheus
        self.traffic = traffic
        self.sink = sink
        self.workers = workers
        self.watch = Watch(stack.prometheus)
        self.started = 0.0
        self._panels: dict[tuple[str, str], list[Query]] = {}
        for query in panel_queries.queries():
            self._panels.setdefault(query.panel, []).append(query)

    def wall(self, title: str) -> float | None:
        """The number of a tile, whichever of its lines shows it. All are asked of one instant, a moment ago: rules that
        are being evaluated right now would answer one line from before and the next from after."""
        instant = time.time() - SETTLED_SECONDS
        found = [self.prometheus.value(query.promql, instant) for query in self._panels[WALL, title]]
        shown = [value for value in found if value is not None]
        assert len(shown) <= 1, f"{title}: {found}"
        return shown[0] if shown else None

    def until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            wait_until(condition, what, seconds=PATIENCE_SECONDS)
        except AssertionError as error:
            firing = sorted({labels["alertname"] for labels, _ in self.prometheus.series("ALERTS")})
            wall = {title: self.wall(title) for uid, title in self._panels if uid == WALL and "urgência" not in title}
            shown = f"wall: {wall}\nalerts: {firing}\nsink:\n{self.sink.summary()}"
            raise AssertionError(f"{error}\n{shown}") from None


@pytest.fixture
def live(kafka_server: KafkaServer, tmp_path: Path) -> Iterator[Live]:
    reason = programs_unavailable_reason()
    if reason:
        missing("prometheus", reason)
    try:
        program("prometheus")
    except RuntimeError as error:
        missing("prometheus", str(error))
    ports = intake_ports()
    document = {**live_traffic.document(), **live_intake.sections(ports[0])}
    installation = install(of_kafka(kafka_server), tmp_path, document, partitions=4, flush_seconds=0.2)
    with ExitStack() as everything:
        sink = everything.enter_context(WebhookSink())
        traffic = everything.enter_context(LiveTraffic(installation.broker.bootstrap, installation.broker.prefix))
        workers, addresses = [], []
        for number, port in enumerate(free_ports(2)):
            workers.append(everything.enter_context(WorkerProcess(on_port(installation, number, port), SECRETS)))
            addresses.append(f"127.0.0.1:{port}")
        intake = everything.enter_context(running_intake(installation, ports))
        for worker in workers:
            worker.wait_ready(PATIENCE_SECONDS)
        everything.enter_context(dialer(installation))
        jobs = {WORKERS: addresses, GATEWAYS: [intake.gateway], MOVERS: [intake.mover]}
        stack = NativeStack(tmp_path, jobs=jobs, tenants=[TENANT], sink=sink, hurried=True)
        everything.enter_context(stack)
        yield Live(installation, stack, traffic=traffic, sink=sink, workers=workers, intake=intake)


def on_port(installation: Installation, number: int, port: int) -> Path:
    """The configuration of one worker: all the same but for the port."""
    document = yaml.safe_load(installation.config.read_text())
    document["worker"]["metrics_port"] = port
    folder = installation.config.parent / f"worker-{number}"
    folder.mkdir()
    config = folder / "filaviva.yaml"
    config.write_text(yaml.safe_dump(document, sort_keys=False))
    return config


@contextmanager
def dialer(installation: Installation) -> Iterator[None]:
    """The reference dialer, on a line that calls nobody."""
    folder = installation.config.parent
    command = [*leash(), sys.executable, "-m", "streams", "callbacks", "dial", "--config", str(installation.config)]
    command += ["--simulate", "--speed", "10", "--journal", str(folder / "dialer.journal")]
    with (folder / "dialer.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **SECRETS}
        )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(STOP_SECONDS) == 0, (folder / "dialer.log").read_text()


@pytest.mark.timeout(LANE_SECONDS)
def test_what_is_seen_and_heard(live: Live) -> None:
    """From a quiet morning through incidents at once, a holiday and the death of a worker to a count that is exact."""
    all_is_well(live)
    the_page_is_sound(live)
    everything_goes_wrong(live)
    the_wall_says_so(live)
    people_are_told(live)
    it_is_over(live)
    on_a_holiday_only_the_platform_is_told(live)
    every_number_is_the_truth(live)
    everything_has_been_seen(live)


def all_is_well(live: Live) -> None:
    """No queue is blind, nobody is over a limit, no critical alert of the place fires."""

    def is_well() -> bool:
        return (
            live.wall("Filas sem dados ao vivo (meta: 0)") == 0
            and live.wall("Atendentes livres (mínimo: 3)") == AGENTS_PER_QUEUE * len(live_traffic.SITE_OF)
            and live.wall("Nível de serviço hoje (meta: 80 %)") == 1
            and live.wall("Alertas urgentes (meta: 0)") == 0
        )

    live.until(is_well, "the wall shows a quiet morning")
    live.until(lambda: live.sink.has("Watchdog"), "the sign of life arrives outside")
    live.watch.look()


def the_page_is_sound(live: Live) -> None:
    """Prometheus' own linter has nothing to say of the pages; the variables offer what is configured."""
    host, port = live.workers[0].address
    for address in (f"{host}:{port}", live.intake.gateway, live.intake.mover):
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
            page = answer.read()
        linted = subprocess.run(
            [program("promtool"), "check", "metrics"], input=page, capture_output=True, timeout=60, check=False
        )
        assert linted.returncode == 0, linted.stderr.decode()
    offered = {name: live.prometheus.label_values(label, of) for name, label, of in panel_queries.variables()}
    assert offered["tenant"] == [TENANT]
    assert offered["site"] == sorted(set(live_traffic.SITE_OF.values()))
    assert offered["queue"] == sorted(live_traffic.SITE_OF)
    assert all(offered.values()), offered


def everything_goes_wrong(live: Live) -> None:
    """Two queues of a site break their limit, one loses its agents, another site's platform falls silent."""
    live.traffic.forget_a_case()
    live.started = live.traffic.leave_waiting("sac", "banco", contacts=3)
    live.traffic.agents_go("perda")
    live.traffic.leave_waiting("perda", contacts=2)
    live.traffic.fall_silent("recife")


def the_wall_says_so(live: Live) -> None:
    """The queues that are known are counted, the silent one is counted as unknown, never as empty."""

    def says_so() -> bool:
        known = sum(live.traffic.waiting(queue) for queue in BUSY if queue != "vendas")
        urgent = live.wall("Alertas urgentes (meta: 0)")
        longest = live.wall("Maior espera agora (exceto e-mail)")
        return (
            live.wall("Esperando agora") == known >= 8
            and live.wall("Filas sem dados ao vivo (meta: 0)") == 1
            and longest is not None
            and longest > LIMIT_SECONDS
            and urgent is not None
            and urgent >= 4
        )

    live.until(says_so, "the wall shows every incident")
    used = {labels["display_name"]: value for labels, value in urgency(live)}
    assert used["Fila sac"] > 1
    assert used["Fila banco"] > 1
    assert "Fila vendas" not in used
    live.watch.look()


def urgency(live: Live) -> list[tuple[Mapping[str, str], float]]:
    (query,) = live._panels[WALL, "Filas por urgência: quanto do limite já foi esperado"]
    found = live.prometheus.series(query.promql)
    assert [value for _, value in found] == sorted((value for _, value in found), reverse=True)
    return found


def people_are_told(live: Live) -> None:
    """Within a minute of the breach, all queues of a site in one group, each alert to whom it is for. Two workers are
    looked at some seconds apart: the queue of the second may come with the group's next message."""
    for alert in ("FilavivaQueueWaitLimitExceeded", "FilavivaQueueUnstaffed", "FilavivaFeedSilent"):
        live.until(lambda alert=alert: live.sink.has(alert), f"{alert} is delivered")
    breach = next(live.sink.of("FilavivaQueueWaitLimitExceeded"))
    seconds = breach.time - (live.started + LIMIT_SECONDS)
    print(f"from the breach to its webhook: {seconds:.1f} s")
    assert seconds <= BREACH_TO_WEBHOOK_SECONDS
    assert breach.receiver == f"{TENANT}-urgente"
    live.until(
        lambda: any(each.queues == {"sac", "banco"} for each in live.sink.of("FilavivaQueueWaitLimitExceeded")),
        "both queues are in one message",
    )
    for each in live.sink.of("FilavivaQueueWaitLimitExceeded"):
        assert each.queues <= {"sac", "banco"}
        assert each.message["groupLabels"] == {
            "alertname": "FilavivaQueueWaitLimitExceeded",
            "tenant": TENANT,
            "site": "fortaleza",
        }
    notes = breach.message["alerts"][0]["annotations"]
    assert "% do limite" in notes["summary"]
    assert "% of the limit" in notes["summary_en"]
    silent = next(live.sink.of("FilavivaFeedSilent"))
    assert silent.receiver == "plantao"
    assert "pbx-recife" in silent.message["alerts"][0]["annotations"]["summary"]
    live.until(lambda: live.prometheus.firing("FilavivaQueueStale"), "the silent queue is known to be stale")
    live.until(lambda: live.prometheus.firing("FilavivaQueueWaitLimitNear"), "the limits are known to be near")


def it_is_over(live: Live) -> None:
    """Everything resolves, people are told; consequences of a cause were never sent."""
    over = time.time()
    live.traffic.answer_again("sac", "banco", "perda")
    live.traffic.agents_return("perda")
    live.traffic.speak_again("recife")
    for alert in ("FilavivaQueueWaitLimitExceeded", "FilavivaQueueUnstaffed", "FilavivaFeedSilent"):
        live.until(lambda alert=alert: live.sink.has(alert, status="resolved", after=over), f"{alert} is resolved")
    near = {queue for each in live.sink.of("FilavivaQueueWaitLimitNear") for queue in each.queues}
    assert not near & {"sac", "banco"}, live.sink.summary()
    stale = {queue for each in live.sink.of("FilavivaQueueStale", after=live.started) for queue in each.queues}
    assert "vendas" not in stale, live.sink.summary()
    live.until(lambda: live.wall("Filas sem dados ao vivo (meta: 0)") == 0, "no queue is blind")


def on_a_holiday_only_the_platform_is_told(live: Live) -> None:
    """Supervisors are at home: a breach is on the wall and not in their pockets. A dead worker is still somebody's."""
    live.stack.write_routes(holiday=f"{datetime.now(PLACE):%m-%d}")
    live.stack.alertmanager.reload()
    since = time.time()
    live.traffic.leave_waiting("banco", contacts=2)
    live.until(lambda: live.prometheus.firing("FilavivaQueueWaitLimitExceeded"), "the limit breaks again")
    live.workers[1].kill()
    live.until(lambda: live.sink.has("FilavivaWorkerDown", after=since), "the dead worker is reported")
    assert next(live.sink.of("FilavivaWorkerDown", after=since)).receiver == "plataforma"
    live.until(lambda: live.wall("Filas sem dados ao vivo (meta: 0)") == 0, "the other worker has all queues")
    told = [each for each in live.sink.deliveries if each.time > since and each.receiver.startswith(TENANT)]
    assert not [each for each in told if each.message["status"] == "firing"], live.sink.summary()
    live.watch.look()


def every_number_is_the_truth(live: Live) -> None:
    """When the centre rests, the day's counts are what was told, contact by contact; a worker has died meanwhile."""
    live.traffic.rest()
    truth = live.traffic.outcomes

    def counted() -> dict[tuple[str, str], float]:
        found = live.prometheus.series("queue_outcome:filaviva_queue_day_contacts:max > 0")
        return {(labels["queue"], labels["outcome"]): value for labels, value in found}

    live.until(lambda: not any(map(live.traffic.waiting, BUSY)), "nobody waits")
    try:
        live.until(lambda: counted() == dict(truth), "the counts of the day are those that were told")
    except AssertionError as error:
        shown = f"told:    {dict(truth)}\ncounted: {counted()}\n{uncounted(live.installation)}"
        raise AssertionError(f"{error}\n{shown}") from None
    live.until(lambda: live.wall("Esperando agora") == 0, "nobody waits on the wall")
    by_outcome = Counter[str]()
    for (_, outcome), count in truth.items():
        by_outcome[outcome] += count
    abandoned = sum(count for outcome, count in by_outcome.items() if outcome.startswith("abandoned"))
    answered = sum(count for outcome, count in by_outcome.items() if outcome.startswith("answered"))
    met, base = by_outcome["answered_in_target"], answered + abandoned
    ratios = {"Nível de serviço hoje (meta: 80 %)": met / base, "Abandono hoje (máximo: 10 %)": abandoned / base}
    for title, ratio in ratios.items():
        live.until(lambda title=title, ratio=ratio: live.wall(title) == pytest.approx(ratio), f"{title} is {ratio}")


def uncounted(installation: Installation) -> str:
    """The contacts that stand in the input and have no outcome, with where their records lie; and what was rejected."""
    with installation.topics() as topics:
        counted = {event["data"]["contact_id"] for event in topics.events("contact-outcomes")}
        rejected = [record.value for record in topics.records("dead-letters")]
        lines = [f"dead letters: {len(rejected)} {rejected[:2]}"]
        for record in topics.records("call-events"):
            event = json.loads(record.value)
            if event["data"]["contact_id"] not in counted:
                lines.append(f"no outcome: {event['id']} in {record.partition} at {record.offset}, {record.timestamp}")
    return "\n".join(lines)


def everything_has_been_seen(live: Live) -> None:
    """Every panel has shown data, every rule is healthy, every recorded series exists."""

    def has_shown() -> bool:
        live.watch.look()
        return not live.watch.unanswered()

    try:
        live.until(has_shown, "every panel has shown data")
    except AssertionError as error:
        raise AssertionError(f"{error}\nwithout data: {live.watch.unanswered()}") from None
    unhealthy = [rule for rule in live.prometheus.rules() if rule["health"] != "ok"]
    assert not unhealthy
    absent = [rule.record for rule in RECORDINGS if not live.prometheus.series(f"last_over_time({rule.record}[10m])")]
    assert not absent
