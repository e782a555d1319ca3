"""A month through all cores: the compliance file says what a recount makes of the same events, section by section."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict

import yaml

from streams.cli.compliance import Read, _evidence
from streams.event_lines import event_time_ms
from streams.settings import parse_settings
from tests.compliance_month import (
    MONTH,
    availability_in,
    availability_of,
    calls,
    cases,
    deadlines_in,
    deadlines_of,
    document,
    recounted,
    site_events,
)
from tests.core_chain import CoreChain


def test_every_section_of_a_month_equals_the_recount() -> None:
    """Waits by queue, day, rule and verdict; deadlines due, met, missed, extended; dates of availability; silences."""
    settings = parse_settings(yaml.safe_dump({"kafka": {"brokers": ["127.0.0.1:9092"]}, **document()}))
    of_calls, of_cases, of_site = calls(3), cases(3), site_events(3)
    events = [*of_calls, *of_cases, *of_site]
    chain = CoreChain(settings, batch_records=50)
    chain.send(events, [event_time_ms(each["time"]) or 0 for each in events])
    chain.run()
    found = asdict(_evidence(MONTH, Read(chain.told, [], [], []), settings, settings.packs.get("aneel@2026.11.0")))
    lines: Counter[tuple[str, ...]] = Counter()
    for line in found["waits"]:
        for verdict in ("met", "breached", "no_limit"):
            if line[verdict]:
                lines[line["queue"], line["date"], line["rule"], verdict] += line[verdict]
    assert lines == recounted(of_calls, settings)
    assert deadlines_in(found) == deadlines_of(of_cases, settings)
    assert availability_in(found) == availability_of(of_site, settings)
    assert {"ACC-1", "ACC-2", "ACC-3", "ACC-1-PHONE", "ACC-3-HUMAN"} == set(availability_in(found))
    assert all(any(line[index] for line in availability_in(found).values()) for index in range(4))
    assert found["blind"][0]["silent_seconds"] > 86_400
