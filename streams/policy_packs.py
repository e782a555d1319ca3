"""Packs of rules: read from YAML, validated whole, each problem by its path and what was expected there.

Those that come with the package are named ``br-sac@2026.11.0`` and never change under that name: ``published.json``
holds the SHA-256 of every file, and one that differs is refused. Others are files that the configuration lists.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from streams import calendar_tables
from streams.domain.policy import (
    CONFIRMED,
    AvailabilityRule,
    DeadlineRule,
    Force,
    IndicatorRule,
    Pack,
    ProtocolFormat,
    Term,
    WaitRule,
)
from streams.domain.protocol_numbers import parts_of
from streams.errors import ConfigError
from streams.settings_document import ROOT, PlainYaml, Problem, diagnose

FOLDER: Final = files("streams") / "policies"
FILE_NAME: Final = re.compile(r"([a-z0-9-]+)-(\d{4}\.\d{2}\.\d{1,3})\.yaml")
DIGESTS: Final = "published.json"
SECTIONS: Final = ("waits", "deadlines", "availability", "indicators", "protocols")
Rule = WaitRule | DeadlineRule | AvailabilityRule | IndicatorRule | ProtocolFormat


class _Period(Protocol):
    @property
    def since(self) -> date: ...
    @property
    def until(self) -> date | None: ...


def pack_names() -> tuple[str, ...]:
    """Every pack that comes with the package, as name@version."""
    found = (FILE_NAME.fullmatch(file.name) for file in FOLDER.iterdir())
    return tuple(sorted(f"{match[1]}@{match[2]}" for match in found if match))


@cache
def packaged(name: str) -> Pack:
    """The pack called name@version. Raises KeyError when there is none, ConfigError when its file was changed."""
    return parse_pack(text_of(name))


def document(name: str) -> Mapping[str, Any]:
    """The same as the plain values of its YAML."""
    return plain(text_of(name))


def plain(text: str) -> Mapping[str, Any]:
    """The plain values of a pack that was found sound."""
    value = PlainYaml(text).value
    assert isinstance(value, dict)
    return value


def text_of(name: str) -> str:
    """The YAML of a packaged pack; raises as ``packaged`` does."""
    if name not in pack_names():
        raise KeyError(name)
    file_name = f"{name.replace('@', '-')}.yaml"
    content = (FOLDER / file_name).read_bytes()
    published = msgspec.json.decode((FOLDER / DIGESTS).read_bytes(), type=dict[str, str])
    if published.get(file_name) != hashlib.sha256(content).hexdigest():
        raise ConfigError([(file_name, "expected the file as it was published; a change is a new version")])
    return content.decode()


def parse_pack(text: str) -> Pack:
    """The pack of a YAML text. Raises ConfigError with everything that is wrong with it."""
    yaml_text = PlainYaml(text)
    if not isinstance(yaml_text.value, dict):
        raise ConfigError(yaml_text.problems or [(ROOT, "expected a mapping with at least policy, version and title")])
    faults = diagnose(Pack, yaml_text.value)
    problems = yaml_text.problems + [fault for fault in faults if fault[0] not in yaml_text.unreadable]
    if not problems:
        pack = msgspec.convert(yaml_text.value, Pack)
        problems = list(problems_of(pack))
        if not problems:
            return pack
    raise ConfigError(sorted(problems, key=lambda problem: yaml_text.line_of(problem[0])))


def problems_of(pack: Pack) -> Iterator[Problem]:
    """What does not hold together in a pack whose parts are sound by themselves."""
    yield from _calendar(pack)
    rules: dict[str, Sequence[Rule]] = {section: getattr(pack, section) for section in SECTIONS}
    ids = Counter(rule.id for section in rules.values() for rule in section)
    for section, listed in rules.items():
        for index, rule in enumerate(listed):
            if ids[rule.id] > 1:
                yield f"{section}[{index}].id", "expected an id that no other rule of the pack has"
    for index, wait in enumerate(pack.waits):
        yield from _wait(wait, f"waits[{index}]")
    known = set(ids)
    for index, deadline in enumerate(pack.deadlines):
        yield from _deadline(deadline, f"deadlines[{index}]", known)
    for index, service in enumerate(pack.availability):
        yield from _service(service, f"availability[{index}]")
    for index, indicator in enumerate(pack.indicators):
        yield from _indicator(indicator, f"indicators[{index}]")
    for index, form in enumerate(pack.protocols):
        yield from _force(form.force, form.confidence, f"protocols[{index}]")
        if parts_of(form) is None:
            yield f"protocols[{index}].parts", "expected parts such as register:6, year:4, date:8, sequence:9"


def _calendar(pack: Pack) -> Iterator[Problem]:
    try:
        ZoneInfo(pack.zone)
    except (KeyError, ValueError, OSError):
        yield "zone", "expected an IANA time zone such as America/Sao_Paulo"
    if pack.calendar.table not in calendar_tables.table_names():
        yield "calendar.table", f"expected one of {', '.join(calendar_tables.table_names())}"


def _force(force: Force, confidence: str, path: str) -> Iterator[Problem]:
    if force == "law" and confidence not in CONFIRMED:
        yield f"{path}.force", f"expected adv, self or op: what has confidence {confidence} is not confirmed"


def _in_order(periods: Iterable[_Period], path: str) -> Iterator[Problem]:
    listed = list(periods)
    for index, period in enumerate(listed):
        if period.until is not None and period.until < period.since:
            yield f"{path}[{index}].until", "expected a date that is not before since"
    for index, (one, other) in enumerate(itertools.pairwise(listed)):
        if one.until is None or other.since <= one.until:
            yield f"{path}[{index + 1}].since", "expected a date after the until of the entry before"


def _wait(rule: WaitRule, path: str) -> Iterator[Problem]:
    yield from _in_order(rule.periods, f"{path}.periods")
    yield from _in_order(rule.suspended, f"{path}.suspended")
    for index, period in enumerate(rule.periods):
        where = f"{path}.periods[{index}]"
        yield from _force(period.force, period.confidence, where)
        if (period.max_seconds is None) == (period.setting is None):
            yield f"{where}.max_seconds", "expected exactly one of max_seconds and setting"
        for number, exception in enumerate(period.exceptions):
            if exception.max_seconds <= (period.max_seconds or 0):
                yield f"{where}.exceptions[{number}].max_seconds", "expected more than the general limit"


def _deadline(rule: DeadlineRule, path: str, known: set[str]) -> Iterator[Problem]:
    yield from _in_order(rule.periods, f"{path}.periods")
    for index, period in enumerate(rule.periods):
        yield from _force(period.force, period.confidence, f"{path}.periods[{index}]")
        if _units(period.within) != 1:
            expected = f"expected exactly one of {', '.join(field.name for field in msgspec.structs.fields(Term))}"
            yield f"{path}.periods[{index}].within", expected
        if period.extended_by is not None and _unit(period.extended_by) != _unit(period.within):
            yield f"{path}.periods[{index}].extended_by", "expected one length in the unit of within"
    if rule.any_answer and rule.ends != "answered":
        yield f"{path}.any_answer", "expected no such key but with ends: answered"
    if rule.or_retained and rule.ends != "cancel_effective":
        yield f"{path}.or_retained", "expected no such key but with ends: cancel_effective"
    if (rule.ends is None) != (rule.kind == "never"):
        yield f"{path}.ends", "expected what ends it, but for a rule of kind never"
    for index, replaced in enumerate(rule.replaces):
        if replaced not in known or replaced == rule.id:
            yield f"{path}.replaces[{index}]", "expected the id of another rule of the pack"


def _service(rule: AvailabilityRule, path: str) -> Iterator[Problem]:
    yield from _in_order(rule.periods, f"{path}.periods")
    for index, period in enumerate(rule.periods):
        where = f"{path}.periods[{index}]"
        yield from _force(period.force, period.confidence, where)
        if (period.at_least_hours is None) == (rule.measure == "human_voice"):
            yield f"{where}.at_least_hours", "expected a value for measure human_voice, and for no other"
        if bool(period.options) != (rule.measure == "first_menu"):
            yield f"{where}.options", "expected a list for measure first_menu, and for no other"
    if rule.channels and rule.measure != "any_channel":
        yield f"{path}.channels", "expected no such key but for measure any_channel"


def _units(term: Term) -> int:
    return sum(value is not None for value in msgspec.structs.astuple(term))


def _unit(term: Term) -> list[str]:
    return [field.name for field in msgspec.structs.fields(term) if getattr(term, field.name) is not None]


def _indicator(rule: IndicatorRule, path: str) -> Iterator[Problem]:
    yield from _force(rule.force, rule.confidence, path)
    if (rule.at_least_percent is None) == (rule.at_most_percent is None):
        yield f"{path}.at_least_percent", "expected exactly one of at_least_percent and at_most_percent"
