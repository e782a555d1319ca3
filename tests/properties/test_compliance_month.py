"""A month through all cores: the compliance file says what a recount makes of the same events, section by section."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from streams import comparison
from streams.cli.compliance import Read, _evidence
from streams.cli.compliance_reading import RawEvent, declared_in, issued_in
from streams.cli.demo_run import rules_of
from streams.comparison import Facts
from streams.event_lines import event_time_ms
from streams.settings import parse_settings
from tests.compliance_events import Events
from tests.compliance_file import AVAILABILITY, CALLS, DEADLINES, WAITS, sections_told
from tests.compliance_month import MONTH, calls, cases, document, site_events
from tests.compliance_recount import MonthOfVisits
from tests.compliance_recount_cases import MonthOfCases
from tests.core_chain import CoreChain


@pytest.fixture(scope="module")
def both() -> tuple[dict[str, Any], Facts]:
    """The file of the month, and what the recount makes of its events."""
    settings = parse_settings(yaml.safe_dump({"kafka": {"brokers": ["127.0.0.1:9092"]}, **document()}))
    told = [*calls(3), *cases(3), *site_events(3)]
    chain = CoreChain(settings, batch_records=50)
    chain.send(told, [event_time_ms(each["time"]) or 0 for each in told])
    chain.run()
    lines = [json.dumps(each).encode() for each in told]
    raw = [RawEvent(line) for line in lines]
    read = Read(chain.told, list(declared_in(raw)), issued_in(raw, {"acme": "bank"}), [])
    found = asdict(_evidence(MONTH, read, settings, settings.packs.get("aneel@2026.11.0")))
    events, rules = Events.read(lines), rules_of(settings)
    now_ms = round(datetime.now(UTC).timestamp() * 1000)
    visits = MonthOfVisits(MONTH, events, settings, rules).sections()
    return found, visits | MonthOfCases(MONTH, events, settings, rules, now_ms).sections()


def test_every_section_of_a_month_equals_the_recount(both: tuple[dict[str, Any], Facts]) -> None:
    """Waits, the worst, monthly figures, deadlines, protocols, availability, silences; of calls there are none."""
    found, expected = both
    checks = comparison.compare(expected, sections_told(found))
    assert {check.name: check.differences[:3] for check in checks if not check.is_equal} == {}
    assert {check.name for check in checks if not check.compared} == {CALLS}


def test_the_month_has_everything(both: tuple[dict[str, Any], Facts]) -> None:
    """Law and what came after it, every rule of sites with every verdict, a silence of days, what was taken back."""
    found, expected = both
    assert {line["force"] for line in found["waits"] if line["rule"] == "WAIT-FIN"} == {"law", "adv"}
    rules = [line.split()[2] for line in expected[AVAILABILITY]]
    assert {"ACC-1", "ACC-2", "ACC-3", "ACC-1-PHONE", "ACC-3-HUMAN"} == set(rules)
    assert all(any(line[index] for line in expected[AVAILABILITY].values()) for index in range(4))
    assert found["blind"][0]["silent_seconds"] > 86_400
    assert all(any(line[index] for line in expected[WAITS].values()) for index in (0, 1, 2, 3, 4, 6, 7))
    assert all(any(line[index] for line in expected[DEADLINES].values()) for index in (1, 2, 3, 6, 7))


def test_one_thing_said_otherwise_is_found(both: tuple[dict[str, Any], Facts]) -> None:
    """In every section that has lines, and in no other."""
    found, expected = both
    for section, lines in expected.items():
        if lines:
            falsified = {**expected, section: {**lines, next(iter(lines)): "something else"}}
            unequal = [check for check in comparison.compare(falsified, sections_told(found)) if not check.is_equal]
            assert [(check.name, len(check.differences)) for check in unequal] == [(section, 1)]
