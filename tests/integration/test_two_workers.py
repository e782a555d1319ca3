"""One worker or two: the supervisors' dashboards show the same numbers, to the last panel.

The same morning of a simulated centre is shown once by one worker and once by two that share its partitions, as two
tenants of one Prometheus, whose rules and panel queries then have to agree.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import yaml

from dashboards.recording import RECORDINGS
from streams.event_lines import event_time_ms
from streams.simulation.centre import SAC
from streams.simulation.simulation import Simulation
from tests import panel_queries
from tests.called_back import ListeningTold
from tests.core_chain import CoreChain, centre_settings
from tests.deadlines import wait_until
from tests.kafka_server import free_ports
from tests.lanes import missing
from tests.native_stack import write_rules
from tests.panel_queries import Query
from tests.prometheus_programs import program, programs_unavailable_reason
from tests.prometheus_server import Prometheus
from tests.worker_pages import page

pytestmark = [pytest.mark.prometheus, pytest.mark.timeout(300)]

BOARDS = {"filaviva-wall", "filaviva-supervisor", "filaviva-queue", "filaviva-callbacks", "filaviva-compliance"}
"""Those whose numbers are of queues. The operators' are of workers."""
MINUTES = 40
STEP_SECONDS = 15
ALONE, SHARED = "alone", "shared"
"""The tenants."""
LEAST_SHOWN_SHARE = 0.8
EVALUATED_SECONDS = 60
_SAMPLE = re.compile(r"^(\w+)\{(.*)\} (\S+)$")


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    reason = programs_unavailable_reason()
    if reason:
        missing("prometheus", reason)
    folder = tmp_path_factory.mktemp("two-workers")
    told = folder / "told.txt"
    told.write_text("\n".join([*samples(), "# EOF\n"]))
    command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(told)]
    subprocess.run([*command, str(folder / "prometheus-data")], check=True, stdout=subprocess.DEVNULL, timeout=120)
    write_rules(folder, hurried=True)
    (folder / "prometheus.yml").write_text(yaml.safe_dump({"rule_files": ["*.rules.yml"]}))
    with Prometheus(folder, free_ports(1)[0]) as server:
        yield server


def samples() -> Iterator[str]:
    """Every sample of both tenants, with times that end now."""
    settings = centre_settings()
    partitions = settings.kafka.partitions
    shares = {
        (ALONE, "w0"): range(partitions),
        (SHARED, "w1"): range(0, partitions, 2),
        (SHARED, "w2"): range(1, partitions, 2),
    }
    jobs = ListeningTold()
    chain = CoreChain(settings, batch_records=200, told=jobs)
    start = datetime(2026, 11, 23, 9, tzinfo=ZoneInfo(SAC.sites[0].zone))
    simulation = Simulation(SAC, 7, start, imitates_plans=False)
    steps = MINUTES * 60 // STEP_SECONDS
    first = time.time() - steps * STEP_SECONDS
    for step in range(1, steps + 1):
        while jobs.new_jobs:
            simulation.dial(jobs.new_jobs.pop(0))
        events = simulation.advance(simulation.start_ms + step * STEP_SECONDS * 1000)
        chain.send(events, [event_time_ms(event["time"]) or 0 for event in events])
        chain.run()
        for (tenant, instance), held in shares.items():
            labels = f'job="{panel_queries.CHOICES["job"]}",instance="{instance}"'
            yield from of_tenant(page(settings, chain, held), tenant, labels, first + step * STEP_SECONDS)


def of_tenant(text: str, tenant: str, labels: str, at: float) -> Iterator[str]:
    """What is told of queues, under another tenant's name."""
    for line in text.splitlines():
        found = _SAMPLE.match(line)
        if found and f'tenant="{SAC.tenant}"' in found[2]:
            inside = found[2].replace(f'tenant="{SAC.tenant}"', f'tenant="{tenant}"')
            yield f"{found[1]}{{{inside},{labels}}} {found[3]} {at:.3f}"


def asked(prometheus: Prometheus, query: Query, tenant: str, at: float) -> Mapping[tuple[tuple[str, str], ...], float]:
    """What a panel shows to one tenant, by labels."""
    promql = query.promql.replace(f'"{panel_queries.CHOICES["tenant"]}', f'"{tenant}')
    assert promql != query.promql, f"{query.panel} asks for every tenant: {query.promql}"
    found = prometheus.series(promql, at)
    return {tuple(sorted((k, v) for k, v in labels.items() if k != "tenant")): value for labels, value in found}


def test_two_workers_show_what_one_would(prometheus: Prometheus) -> None:
    """Every query of every panel, with the recording rules between; and most of them show something."""
    recorded = [rule.record for rule in RECORDINGS]

    def are_recorded() -> bool:
        return sum(bool(prometheus.series(name)) for name in recorded) >= LEAST_SHOWN_SHARE * len(recorded)

    wait_until(are_recorded, "the rules have been evaluated", seconds=EVALUATED_SECONDS)
    at = time.time()
    queries = [query for query in panel_queries.queries() if query.panel[0] in BOARDS]
    shown = 0
    for query in queries:
        alone, shared = asked(prometheus, query, ALONE, at), asked(prometheus, query, SHARED, at)
        assert shared == pytest.approx(alone, nan_ok=True), query
        shown += bool(alone)
    assert shown >= LEAST_SHOWN_SHARE * len(queries), f"{shown} of {len(queries)} queries show anything"
