"""The metrics page: the exact text of a small worker, and what holds for every page.

After a wanted change, ``python -m tests.unit.test_metrics`` writes the golden page again; read its difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from streams.domain.availability import AvailabilityCore
from streams.domain.decisions import Reason
from streams.domain.directory import QueuePolicy
from streams.domain.events import AGENT_STATES, CONTACT_TYPES
from streams.domain.figures import (
    LIVE_WAIT_EDGES_SECONDS,
    OUTCOMES,
    CallbackFigures,
    CaseFigures,
    Flights,
    Histogram,
    LiveCounters,
    LiveFigures,
    QueueFigures,
    ServiceFigures,
    SiteFigures,
    StageFigures,
    wait_edges_seconds,
)
from streams.domain.privacy import REFUSALS
from streams.metric_names import CATALOGUE, QUEUE_LABELS, Kind
from streams.metrics import BuildInfo, WorkerFigures, families, render, total_of
from tests.availability_records import fed_centre, heartbeat
from tests.builders import at_ms

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics.txt"
OPENMETRICS = "application/openmetrics-text; version=1.0.0, text/plain; version=0.0.4; q=0.5"
STARTED_MS = 1_763_800_000_000
QUEUE = {"tenant": "acme", "site": "fortaleza", "queue": "sac-cartoes", "channel": "voice"}
PBX = ("acme", "fortaleza", "pbx-1")


def policy(queue: str = "sac-cartoes", channels: tuple[str, ...] = ("voice",)) -> QueuePolicy:
    return QueuePolicy(
        "acme",
        "fortaleza",
        queue,
        "America/Fortaleza",
        frozenset(channels),
        answer_target_ms=20_000,
        max_wait_ms=45_000,
        display_name="SAC Cartões",
        group="sac",
    )


def live(**changes: object) -> LiveFigures:
    told: dict[str, object] = {
        "waiting_contacts": 2,
        "longest_wait_seconds": 41.5,
        "wait_limit_used_ratio": 0.92,
        "over_limit_contacts": 0,
        "passed_contacts": 1,
        "agents": {"available": 3, "busy": 4},
    }
    return LiveFigures(**(told | changes))  # type: ignore[arg-type]  # a builder


def queue_figures(live_figures: LiveFigures | None, queue: str = "sac-cartoes", channel: str = "voice") -> QueueFigures:
    edges = wait_edges_seconds(channel)
    counters = LiveCounters(
        Histogram(edges), Histogram(edges), Histogram(LIVE_WAIT_EDGES_SECONDS), refusals=dict.fromkeys(REFUSALS, 0)
    )
    return QueueFigures(
        tenant="acme",
        site="fortaleza",
        queue=queue,
        channel=channel,
        live=live_figures,
        day_outcomes={"answered_in_target": 40, "abandoned_late": 2},
        day_waiting_contacts=2,
        day_breaches={"MAX-WAIT": 1},
        formula="answered_of_offered",
        day_met=40,
        day_base=42,
        counters=counters,
    )


def stage(**changes: object) -> StageFigures:
    told: dict[str, object] = {
        "applied": {},
        "discarded": {},
        "rejected": {},
        "historic": {},
        "skewed": {},
        "last_event_ms": {},
        "delay": {},
        "rows": 0,
    }
    return StageFigures(**(told | changes))  # type: ignore[arg-type]  # a builder


def worker(**changes: object) -> WorkerFigures:
    """A worker with one configured queue that owns nothing, unless said otherwise."""
    told: dict[str, object] = {
        "configured": [policy()],
        "build": BuildInfo(version="1.2.3", revision="abc1234", python="3.11.7", config_hash="f00d"),
        "started_ms": STARTED_MS,
    }
    return WorkerFigures(**(told | changes))  # type: ignore[arg-type]  # a builder


def small_worker() -> WorkerFigures:
    """Something of everything, one of each."""
    figures = queue_figures(live())
    figures.counters.offered = 3
    figures.counters.exits["answered_in_target"] = 2
    figures.counters.breaches["target"] = 1
    figures.counters.wait_answered.observe(5.0)
    figures.counters.wait_answered.observe(5.5)
    figures.counters.handle.observe(4000.0)
    return worker(
        queues=[figures],
        recovering_queues=[policy("ouvidoria", ("email",))],
        sites=[SiteFigures("acme", "fortaleza", {"available": 3}), SiteFigures("acme", "fortaleza", {"available": 2})],
        callbacks=[
            CallbackFigures("acme", "fortaleza", "retorno", 4, 12.5),
            CallbackFigures("acme", "fortaleza", "retorno", 3, 0.0, overdue=1, owed=2, customers=3),
        ],
        cases=[CaseFigures("acme", "DEM-1", "open", 4), CaseFigures("acme", "DEM-1", "open", 1)],
        services=[
            ServiceFigures(
                "acme",
                "fortaleza",
                channels={"up": 2, "down": 1, "unknown": 0},
                human_voice_seconds={"open": 3600.0, "closed": 28_800.0, "unknown": 1.5},
                day_breaches={"ACC-1": 1, "ACC-2": 0},
            )
        ],
        flights=[Flights("acme", "fortaleza", "retorno", in_flight=2, free_agents=5)],
        stages=[
            stage(
                applied={("call-events", "contact.offered"): 3},
                rejected={("call-events", Reason.BAD_TIME): 1},
                delay={"call-events": Histogram((1, 5), [2, 1, 0], 4.5)},
                last_event_ms={PBX: STARTED_MS + 1500},
            ),
            stage(
                applied={("call-events", "contact.offered"): 4},
                delay={"call-events": Histogram((1, 5), [0, 0, 1], 9.0)},
                skewed={PBX: 1},
            ),
        ],
        lag_messages={("filaviva", "call-events", 0): 7},
        assigned_partitions={"call-events": 2},
        table_keys={"queues": 12},
        expected_silence_seconds={PBX: 120.0},
        site_day_start_ms={("acme", "fortaleza"): STARTED_MS - 1000},
        recovery_seconds=1.25,
        render_seconds=0.5,
    )


def page(figures: WorkerFigures) -> str:
    return render(figures, "")[0].decode()


def samples(figures: WorkerFigures, accept: str = "") -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample as a scraper reads it; a series that appears twice fails."""
    text = render(figures, accept)[0].decode()
    parsed = parse_openmetrics(text) if "openmetrics" in accept else parse_text(text)
    found: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for family in parsed:
        for sample in family.samples:
            series = (sample.name, frozenset(sample.labels.items()))
            assert series not in found, f"{series} appears twice"
            found[series] = sample.value
    return found


def value(figures: WorkerFigures, name: str, labels: Mapping[str, str] | None = None) -> float | None:
    return samples(figures).get((name, frozenset((labels or {}).items())))


def names_of_queue(figures: WorkerFigures, queue: str = "sac-cartoes") -> set[str]:
    return {name for name, labels in samples(figures) if ("queue", queue) in labels}


CONFIGURATION = {
    "filaviva_queue_info",
    "filaviva_queue_open",
    "filaviva_queue_answer_target_seconds",
    "filaviva_queue_max_wait_seconds",
    "filaviva_queue_service_level_target_ratio",
}
LIVE = {
    "filaviva_queue_waiting_contacts",
    "filaviva_queue_longest_wait_seconds",
    "filaviva_queue_wait_limit_used_ratio",
    "filaviva_queue_over_limit_contacts",
    "filaviva_queue_passed_contacts",
    "filaviva_queue_agents",
}


def test_the_page_of_a_small_worker_is_as_agreed() -> None:
    """Names, help, labels, order and number format, to the byte."""
    assert page(small_worker()) == GOLDEN.read_text(encoding="utf-8")


def test_every_declared_metric_is_collected_once_as_declared() -> None:
    """The catalogue and the page name the same metrics, kinds, units and labels."""
    collected = [(each.metric, list(each.points), list(each.histograms)) for each in families(small_worker())]
    assert sorted(metric.name for metric, _, _ in collected) == sorted(metric.name for metric in CATALOGUE)
    for metric, points, histograms in collected:
        assert bool(histograms) == (metric.kind is Kind.HISTOGRAM)
        assert points or histograms, f"{metric.name} has no series to check"
        assert {len(values) for values, _ in [*points, *histograms]} == {len(metric.labels)}


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_declaration_keeps_the_conventions(metric: object) -> None:
    """Prefix, suffix by kind and unit, base units, help in a sentence, few labels."""
    assert re.fullmatch(r"filaviva_(queue|site|case|stream|source|scrape|build)_[a-z_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER)
    assert not metric.unit or metric.name.endswith(f"_{metric.unit}")
    assert not re.search(r"milli|percent|_ms_|_ms$|_created", metric.name)
    assert metric.name.endswith("_seconds") == (metric.unit == "seconds")
    assert metric.help.endswith(".")
    assert len(set(metric.labels) - set(QUEUE_LABELS)) <= 4
    assert "agent_id" not in metric.labels
    assert "contact_id" not in metric.labels


def test_the_page_passes_a_lint() -> None:
    """Help and type before each family, every sample in one, nothing created."""
    helped, typed = set(), {}
    for line in page(small_worker()).splitlines():
        if line.startswith("# HELP "):
            _, _, name, text = line.split(" ", 3)
            assert text
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name in helped
            typed[name] = kind
        else:
            name = re.match(r"[a-z_]+", line).group()
            family = name if name in typed else re.sub(r"_(bucket|count|sum)$", "", name)
            assert (typed[family] == "counter") == family.endswith("_total")
            assert not name.endswith("_created")
    assert helped == set(typed)


def test_both_formats_say_the_same() -> None:
    """The strict OpenMetrics parser accepts the page and finds the same samples."""
    assert render(small_worker(), OPENMETRICS)[1].startswith("application/openmetrics-text; version=1.0.0")
    assert render(small_worker(), "")[1].startswith("text/plain; version=0.0.4")
    assert samples(small_worker(), OPENMETRICS) == samples(small_worker())


def test_an_idle_queue_exports_zeros() -> None:
    """Every series of an owned queue is there from the first scrape, with 0."""
    idle = worker(queues=[queue_figures(live(waiting_contacts=0, agents={}))])
    for outcome in OUTCOMES:
        assert value(idle, "filaviva_queue_exits_total", QUEUE | {"outcome": outcome}) == 0
    for state in AGENT_STATES:
        assert value(idle, "filaviva_queue_agents", QUEUE | {"state": state}) == 0
    for limit in ("target", "max"):
        assert value(idle, "filaviva_queue_wait_breaches_total", QUEUE | {"limit": limit}) == 0
    assert value(idle, "filaviva_queue_contacts_offered_total", QUEUE) == 0
    assert value(idle, "filaviva_queue_wait_seconds_bucket", QUEUE | {"outcome": "abandoned", "le": "5.0"}) == 0
    assert value(idle, "filaviva_queue_day_contacts", QUEUE | {"outcome": "closed"}) == 0


def test_a_topic_exports_zeros_before_its_first_event() -> None:
    """The closed lists of a topic the worker reads stand at 0, also while it owns no partition of it."""
    idle = worker(assigned_partitions={"call-events": 0, "agent-events": 1, "site-events": 1, "queue-staffing": 1})
    for kind in CONTACT_TYPES:
        assert value(idle, "filaviva_stream_events_total", {"topic": "call-events", "event_type": kind}) == 0
    assert value(idle, "filaviva_stream_events_total", {"topic": "agent-events", "event_type": "agent.state"}) == 0
    assert value(idle, "filaviva_stream_events_total", {"topic": "site-events", "event_type": "source.heartbeat"}) == 0
    for reason in Reason:
        assert value(idle, "filaviva_stream_events_rejected_total", {"topic": "queue-staffing", "reason": reason}) == 0
    assert value(idle, "filaviva_stream_events_discarded_total", {"topic": "call-events", "class": "ignored"}) == 0
    assert value(idle, "filaviva_stream_events_historic_total", {"topic": "call-events"}) == 0
    assert value(idle, "filaviva_stream_event_delay_seconds_bucket", {"topic": "call-events", "le": "0.25"}) == 0


def test_a_stale_queue_shows_no_live_figure() -> None:
    """Stale says so; day counts and counters stay, everything live is absent."""
    fresh, stale = worker(queues=[queue_figures(live())]), worker(queues=[queue_figures(None)])
    assert value(fresh, "filaviva_queue_stale", QUEUE) == 0
    assert value(stale, "filaviva_queue_stale", QUEUE) == 1
    assert names_of_queue(fresh) - names_of_queue(stale) == LIVE
    assert value(stale, "filaviva_queue_day_contacts", QUEUE | {"outcome": "answered_in_target"}) == 40
    assert value(stale, "filaviva_queue_contacts_offered_total", QUEUE) == 0


def test_a_recovering_queue_is_stale_and_nothing_else() -> None:
    """While its state is read back, the owner exports the stale gauge of each channel beside the configuration."""
    recovering = worker(recovering_queues=[policy(channels=("voice", "chat"))])
    assert names_of_queue(recovering) == CONFIGURATION | {"filaviva_queue_stale"}
    assert value(recovering, "filaviva_queue_stale", QUEUE) == 1
    assert value(recovering, "filaviva_queue_stale", QUEUE | {"channel": "chat"}) == 1


def test_a_queue_of_another_worker_shows_its_configuration_only() -> None:
    """So that alerts still join when the owner dies; one series per channel."""
    others = worker(configured=[policy(), policy("cobranca", ("chat", "voice"))])
    assert names_of_queue(others, "cobranca") == CONFIGURATION
    at = QUEUE | {"queue": "cobranca", "channel": "chat"}
    assert value(others, "filaviva_queue_max_wait_seconds", at) == 45
    assert value(others, "filaviva_queue_answer_target_seconds", at) == 20
    assert value(others, "filaviva_queue_service_level_target_ratio", at) == 0.8
    assert value(others, "filaviva_queue_info", at | {"display_name": "SAC Cartões", "group": "sac"}) == 1


def test_a_queue_without_hours_is_open_and_hours_decide_otherwise() -> None:
    """Open is asked of the calendar that comes with the figures."""
    assert value(worker(), "filaviva_queue_open", QUEUE) == 1
    assert value(worker(is_open=lambda queue: queue.queue != "sac-cartoes"), "filaviva_queue_open", QUEUE) == 0


def test_buckets_are_cumulative_and_written_as_the_client_does() -> None:
    """An observation on an edge counts below it; counts add up to the last bucket."""
    small = small_worker()
    at = QUEUE | {"outcome": "answered"}
    assert value(small, "filaviva_queue_wait_seconds_bucket", at | {"le": "5.0"}) == 1
    assert value(small, "filaviva_queue_wait_seconds_bucket", at | {"le": "10.0"}) == 2
    assert value(small, "filaviva_queue_wait_seconds_bucket", at | {"le": "+Inf"}) == 2
    assert value(small, "filaviva_queue_wait_seconds_count", at) == 2
    assert value(small, "filaviva_queue_wait_seconds_sum", at) == 10.5
    assert value(small, "filaviva_queue_handle_seconds_bucket", QUEUE | {"le": "3600.0"}) == 0
    assert value(small, "filaviva_queue_handle_seconds_bucket", QUEUE | {"le": "+Inf"}) == 1


def test_written_channels_have_their_own_buckets() -> None:
    """E-mail waits are counted in hours and days."""
    written = worker(queues=[queue_figures(live(), channel="email")])
    at = QUEUE | {"channel": "email", "outcome": "answered"}
    assert value(written, "filaviva_queue_wait_seconds_bucket", at | {"le": "432000.0"}) == 0
    assert value(written, "filaviva_queue_wait_seconds_bucket", at | {"le": "5.0"}) is None


def test_parts_of_one_worker_are_added_up() -> None:
    """Agents of a site and plans of a callback queue come once per page, whoever holds the parts."""
    small = small_worker()
    site = {"tenant": "acme", "site": "fortaleza"}
    callback = QUEUE | {"queue": "retorno"}
    assert value(small, "filaviva_site_agents", site | {"state": "available"}) == 5
    assert value(small, "filaviva_site_agents", site | {"state": "offline"}) == 0
    assert value(small, "filaviva_queue_callbacks_pending", callback) == 7
    assert value(small, "filaviva_queue_callback_overdue_seconds", callback) == 12.5


def test_stages_are_added_up_and_a_lost_partition_can_be_kept() -> None:
    """Folding stages into one total beforehand changes nothing on the page."""
    small = small_worker()
    folded = worker(stages=[total_of(small.stages[:1]), small.stages[1]])
    offered = {"topic": "call-events", "event_type": "contact.offered"}
    for figures in (small, folded):
        assert value(figures, "filaviva_stream_events_total", offered) == 7
        assert value(figures, "filaviva_stream_event_delay_seconds_count", {"topic": "call-events"}) == 4
        assert value(figures, "filaviva_stream_event_delay_seconds_sum", {"topic": "call-events"}) == 13.5
    assert total_of(small.stages[:1]).delay["call-events"].counts == [2, 1, 0]


def test_a_source_that_never_spoke_is_silent_since_the_start_of_the_worker() -> None:
    """Not since 1970. Once it has spoken its newest event counts, whichever clock that is on."""
    at = dict(zip(("tenant", "site", "source"), PBX, strict=True))
    name = "filaviva_stream_last_event_timestamp_seconds"
    silent = worker(expected_silence_seconds={PBX: 120.0})
    assert value(silent, name, at) == STARTED_MS / 1000
    assert value(silent, "filaviva_source_skewed_events_total", at) == 0
    old, new = stage(last_event_ms={PBX: STARTED_MS - 9000}), stage(last_event_ms={PBX: STARTED_MS + 9000})
    assert value(worker(expected_silence_seconds={PBX: 120.0}, stages=[old]), name, at) == STARTED_MS / 1000 - 9
    assert value(worker(expected_silence_seconds={PBX: 120.0}, stages=[new, old]), name, at) == STARTED_MS / 1000 + 9


def test_heartbeats_move_the_newest_event_of_a_source() -> None:
    """Though it has no contact to tell of; the newer of both stands."""
    core = AvailabilityCore(0, fed_centre(), clock="wall")
    core.apply("site-events", [heartbeat(30)], at_ms(0), at_ms(30.5))
    beats, calls = core.stage_figures(), stage(last_event_ms={PBX: at_ms(10)})
    figures = worker(expected_silence_seconds={PBX: 60.0}, stages=[beats, calls])
    at = dict(zip(("tenant", "site", "source"), PBX, strict=True))
    assert value(figures, "filaviva_stream_last_event_timestamp_seconds", at) == at_ms(30) / 1000
    beaten = {"topic": "site-events", "event_type": "source.heartbeat"}
    assert value(figures, "filaviva_stream_events_total", beaten) == 1


def test_an_unknown_source_never_becomes_a_label() -> None:
    """Sources the configuration does not name are counted together."""
    strange = stage(
        skewed={("acme", "fortaleza", "x" * 500): 2, ("acme", "fortaleza", "+5585997465553"): 3},
        last_event_ms={("acme", "fortaleza", "y"): STARTED_MS + 1000},
    )
    figures = worker(stages=[strange])
    at = {"tenant": "acme", "site": "fortaleza", "source": "unconfigured"}
    assert value(figures, "filaviva_source_skewed_events_total", at) == 5
    assert value(figures, "filaviva_stream_last_event_timestamp_seconds", at) == STARTED_MS / 1000 + 1
    assert "5553" not in page(figures)


def test_a_queue_keeps_its_budget_of_series() -> None:
    """About 116 series for an owned queue that calls back, some 35 more for a callback queue; 5 more per queue and
    worker."""
    figures = worker(
        queues=[queue_figures(live())], callbacks=[CallbackFigures("acme", "fortaleza", "sac-cartoes", 1, 0.0)]
    )
    owned = [labels for _, labels in samples(figures) if ("queue", "sac-cartoes") in labels]
    assert 142 <= len(owned) <= 150
    assert len([labels for _, labels in samples(worker()) if ("queue", "sac-cartoes") in labels]) == 5


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(page(small_worker()), encoding="utf-8")
