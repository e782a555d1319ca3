"""The short form of every lane of the fault bench; ``make faults`` runs the full ones."""

from __future__ import annotations

import pytest

from tests.faults.bench import Run
from tests.faults.lanes import LANES, ONLY_FULL
from tests.faults.table import print_claims
from tests.kafka_server import KafkaServer

SEED = 7

UNTIMED = {"away", "cases", "clocks", "disorder", "replay", "traps"}
"""They promise no times, and so need not be alone."""
LANES_OF_SUITE = [
    pytest.param(lane, marks=() if lane in UNTIMED else pytest.mark.alone) for lane in LANES if lane not in ONLY_FULL
]

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(420)]


@pytest.mark.parametrize("lane", LANES_OF_SUITE)
def test_nothing_is_lost_doubled_or_falsely_alarmed(lane: str, kafka_server: KafkaServer) -> None:
    """Every planned fault fires, and everything the lane promises holds; `-s` shows it as it goes."""
    report = LANES[lane](Run(SEED, is_short=True, server=kafka_server))
    print_claims(report)
    assert report.passed, [f"{claim.what}: {claim.found}" for claim in report.broken]
