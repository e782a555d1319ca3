"""The configuration: one YAML file, validated whole before any connection, then frozen.

This is the only module that reads the environment. Whatever is wrong is collected, not only the first fault, and named
by its path and what was expected, in the order of the file; no secret is ever in a problem or a repr.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec.structs import replace

from streams.calendar_tables import table
from streams.domain.calling_hours import CallingHours
from streams.domain.case_duties import CaseRules
from streams.domain.directory import (
    RETRY_MS,
    UNKNOWN_EXIT_MS,
    CallbackPolicy,
    CreationPolicy,
    Directory,
    QueuePolicy,
    SourcePolicy,
)
from streams.domain.site_findings import SiteRules
from streams.errors import ConfigError
from streams.settings_cases import case_problems, case_rules, site_rules
from streams.settings_checks import Draft, problems_between
from streams.settings_document import ROOT, PlainYaml, diagnose
from streams.settings_policies import Packs, limits_of, opening_hours, policy_problems
from streams.settings_secrets import ReceiverSecrets, Secret, SecretReader, TenantKeys
from streams.settings_sections import (
    Availability,
    Callback,
    CallbackQueue,
    Cases,
    Clock,
    Document,
    Gateway,
    Hours,
    Kafka,
    Privacy,
    Queue,
    Site,
    Source,
    VendorQueue,
    Worker,
)
from streams.sources.dictionary import Place, QueueDictionary

CALLING_HOLIDAYS: Final = "br@2026.11.0"
"""The table of holidays on which nobody is called unasked."""

__all__ = ["Secret", "Settings", "TenantKeys", "kafka_password", "load_settings", "parse_settings", "receiver_secrets"]


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration that holds together. Without secrets resolved, the password and the tenant keys are absent."""

    kafka: Kafka
    """The certificate files in it are named from the root, whatever folder the process runs in."""
    worker: Worker
    clock: Clock
    privacy: Privacy
    sites: tuple[Site, ...]
    sources: tuple[Source, ...]
    queues: tuple[Queue, ...]
    callback_queues: tuple[CallbackQueue, ...]
    packs: Packs
    cases: tuple[Cases, ...]
    gateway: Gateway | None
    vendor_queues: tuple[VendorQueue, ...]
    availability: tuple[Availability, ...]
    config_hash: str
    """12 hex characters of what the file says, whatever its layout; secrets have no part in it."""
    tenant_keys: Mapping[str, TenantKeys]
    kafka_password: Secret | None

    def directory(self, partition_of: Callable[[str, int], int]) -> Directory:
        """The queues as the core knows them; ``partition_of`` takes an owner key and the partition count."""
        sites = {(site.tenant, site.site): site for site in self.sites}
        policies = [_policy(queue, sites[queue.tenant, queue.site], self.packs) for queue in self.queues]
        partitions = self.kafka.partitions
        return Directory(
            policies,
            sites={place: site.zone for place, site in sites.items()},
            partition_of=lambda key: partition_of(key, partitions),
            sources=[_source(source) for source in self.sources],
            callback_queues=[
                _callbacks(entry, self.queues, sites[entry.tenant, entry.site].zone) for entry in self.callback_queues
            ],
            lateness_ms=milliseconds(self.clock.lateness_seconds),
        )

    def queue_dictionary(self, source: str) -> QueueDictionary:
        """What the names of one source mean; empty for a source that has none."""
        queues = {(queue.tenant, queue.queue): queue for queue in self.queues}
        ours = [entry for entry in self.vendor_queues if entry.source == source]
        return QueueDictionary(source, {entry.name: _place(entry, queues[entry.tenant, entry.queue]) for entry in ours})

    def directory_beside(self, partition_of: Callable[[str, int], int]) -> Directory | None:
        """The queues that a second policy judges too, by that policy and for nothing else; None: there are none."""
        sites = {(site.tenant, site.site): site for site in self.sites}
        policies = [
            _policy(
                replace(queue, policy=queue.policy_beside, callback=None), sites[queue.tenant, queue.site], self.packs
            )
            for queue in self.queues
            if queue.policy_beside is not None
        ]
        if not policies:
            return None
        zones = {place: site.zone for place, site in sites.items()}
        return Directory(policies, sites=zones, partition_of=lambda key: partition_of(key, self.kafka.partitions))

    def case_rules(self) -> dict[str, CaseRules]:
        """Tenant to what its cases are held to."""
        return {each.tenant: case_rules(each, self.packs) for each in self.cases}

    def site_rules(self) -> dict[tuple[str, str], SiteRules]:
        """Tenant and site to what the site must offer."""
        zones = {(site.tenant, site.site): site.zone for site in self.sites}
        return {
            (each.tenant, each.site): site_rules(each, zones[each.tenant, each.site], self.packs)
            for each in self.availability
        }


def load_settings(
    path: str | Path, *, environment: Mapping[str, str] | None = None, resolve_secrets: bool = True
) -> Settings:
    """The settings of a file; secret files it names are relative to its folder. Raises ConfigError with everything
    that is wrong. ``environment`` is the process' own unless given."""
    file = Path(path)
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([(str(path), f"expected a file that can be read: {error.strerror}")]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([(str(path), f"expected UTF-8 text; byte {error.start} is not")]) from None
    return parse_settings(text, environment=environment, resolve_secrets=resolve_secrets, folder=file.parent)


def parse_settings(
    text: str,
    *,
    environment: Mapping[str, str] | None = None,
    resolve_secrets: bool = True,
    folder: Path | None = None,
) -> Settings:
    """The settings of a YAML text; see ``load_settings``."""
    yaml_text = PlainYaml(text)
    sections = _sections(yaml_text)
    faults = diagnose(Document, sections)
    problems = yaml_text.problems + [fault for fault in faults if fault[0] not in yaml_text.unreadable]
    draft = Draft.of(sections, problems)
    problems += problems_between(draft)
    folder = folder or Path()
    packs = Packs(_listed_files(sections.get("policies")), folder)
    problems += policy_problems(draft, packs)
    problems += case_problems(draft, packs)
    secrets = SecretReader(os.environ if environment is None else environment, folder)
    password = secrets.kafka_password(draft.kafka.security) if resolve_secrets and draft.kafka else None
    tenant_keys = secrets.tenant_keys(draft.privacy) if resolve_secrets and draft.privacy else {}
    problems += secrets.problems
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: yaml_text.line_of(problem[0])))
    document = msgspec.convert(sections, Document)
    return Settings(
        kafka=_with_located_files(document.kafka, folder),
        worker=document.worker,
        clock=document.clock,
        privacy=document.privacy,
        sites=document.sites,
        sources=document.sources,
        queues=document.queues,
        callback_queues=document.callback_queues,
        packs=packs,
        cases=document.cases,
        gateway=document.gateway,
        vendor_queues=document.vendor_queues,
        availability=document.availability,
        config_hash=_hash_of(document, packs),
        tenant_keys=MappingProxyType(tenant_keys),
        kafka_password=password,
    )


def receiver_secrets(
    gateway: Gateway, folder: Path, *, environment: Mapping[str, str] | None = None
) -> dict[tuple[str, str], ReceiverSecrets]:
    """What each receiver's source proves itself with, by tenant and source; file names are relative to ``folder``.

    Apart from the settings, so that only the gateway needs them. Raises ConfigError with everything that is wrong.
    """
    reader = SecretReader(os.environ if environment is None else environment, folder)
    secrets = reader.receivers(gateway)
    if reader.problems:
        raise ConfigError(reader.problems)
    return secrets


def kafka_password(kafka: Kafka, folder: Path, *, environment: Mapping[str, str] | None = None) -> Secret | None:
    """What a client logs in to the brokers with, None where they ask for none; file names are relative to ``folder``.

    Apart from the settings, for whoever needs no key of a tenant. Raises ConfigError.
    """
    reader = SecretReader(os.environ if environment is None else environment, folder)
    password = reader.kafka_password(kafka.security)
    if reader.problems:
        raise ConfigError(reader.problems)
    return password


def _sections(yaml_text: PlainYaml) -> dict[str, object]:
    """The sections by name; one with nothing in it counts as left out."""
    if isinstance(yaml_text.value, dict):
        return {name: section for name, section in yaml_text.value.items() if section is not None}
    note = "; there is nothing" if yaml_text.value is None else ""
    expected = f"expected a mapping with at least kafka, sites and queues{note}"
    raise ConfigError(yaml_text.problems or [(ROOT, expected)])


def _with_located_files(kafka: Kafka, folder: Path) -> Kafka:
    names = {key: getattr(kafka.security, key) for key in ("ca_file", "cert_file", "key_file")}
    located = {key: str((folder / name).absolute()) for key, name in names.items() if name is not None}
    return replace(kafka, security=replace(kafka.security, **located))


def _hash_of(document: Document, packs: Packs) -> str:
    """Of what the file and the packs it lists say."""
    said = msgspec.json.encode((document, packs.own), order="deterministic")
    return hashlib.sha256(said).hexdigest()[:12]


def _listed_files(raw: object) -> tuple[str, ...]:
    return tuple(name for name in raw if isinstance(name, str)) if isinstance(raw, list) else ()


def _policy(queue: Queue, site: Site, packs: Packs) -> QueuePolicy:
    exits = UNKNOWN_EXIT_MS
    if queue.unknown_exit_seconds is not None:
        exits = dict.fromkeys(UNKNOWN_EXIT_MS, milliseconds(queue.unknown_exit_seconds))
    return QueuePolicy(
        tenant=queue.tenant,
        site=queue.site,
        queue=queue.queue,
        zone=site.zone,
        channels=frozenset(queue.channels),
        answer_target_ms=milliseconds(queue.answer_target_seconds),
        max_wait_ms=None if queue.max_wait_seconds is None else milliseconds(queue.max_wait_seconds),
        limits=limits_of(queue, site, packs),
        sector=queue.sector,
        hours=opening_hours(queue, site, packs.get(queue.policy) if queue.policy else None),
        short_abandon_ms=milliseconds(queue.short_abandon_seconds),
        service_level_target=queue.service_level_target,
        formula=queue.formula,
        display_name=queue.display_name or queue.queue,
        group=queue.group or "",
        callback_queue=queue.callback.queue if queue.callback else None,
        creation=_creation(queue.callback) if queue.callback else CreationPolicy(),
        unknown_exit_ms=exits,
    )


def _creation(callback: Callback) -> CreationPolicy:
    return CreationPolicy(
        abandons=callback.abandons,
        requests=callback.requests,
        short_abandons=callback.short_abandons,
        minimum_wait_ms=milliseconds(callback.minimum_wait_seconds),
        channels=None if callback.channels is None else frozenset(callback.channels),
        excluded_reasons=frozenset(callback.excluded_reasons),
    )


def _callbacks(entry: CallbackQueue, queues: Iterable[Queue], zone: str) -> CallbackPolicy:
    yields_to = entry.yield_to
    if yields_to is None:
        ours = (queue for queue in queues if (queue.tenant, queue.site) == (entry.tenant, entry.site))
        yields_to = tuple(queue.queue for queue in ours if queue.callback and queue.callback.queue == entry.queue)
    retry_ms: dict[str, int | None] = {
        outcome: None if seconds is None else milliseconds(seconds) for outcome, seconds in entry.retry_seconds.items()
    }
    return CallbackPolicy(
        tenant=entry.tenant,
        site=entry.site,
        queue=entry.queue,
        zone=zone,
        attempts=entry.attempts,
        retry_ms={**RETRY_MS, **retry_ms},
        life_ms=milliseconds(entry.expires_seconds),
        due_ms=milliseconds(entry.due_seconds),
        owed_due_ms=milliseconds(entry.owed_due_seconds),
        boost=entry.boost,
        ivr_first=entry.ivr_first,
        lease_ms=milliseconds(entry.lease_seconds),
        yield_ms=None if entry.yield_seconds is None else milliseconds(entry.yield_seconds),
        yields_to=frozenset(yields_to),
        purpose=entry.purpose,
        holidays=table(CALLING_HOLIDAYS),
        hours=_hours(entry.hours) if entry.hours else None,
        calls_per_day=entry.calls_per_day,
        calls_per_month=entry.calls_per_month,
        ageing_ms=milliseconds(entry.ageing_seconds),
    )


def _hours(hours: Hours) -> CallingHours:
    return CallingHours(_span(hours.weekdays), _span(hours.saturday), _span(hours.asked))


def _span(text: str | None) -> tuple[time, time] | None:
    """``09:00-21:00``; until midnight is until its last instant."""
    if text is None:
        return None
    first, last = text.split("-")
    return time.fromisoformat(first), time.max if last == "24:00" else time.fromisoformat(last)


def _source(source: Source) -> SourcePolicy:
    return SourcePolicy(
        tenant=source.tenant,
        site=source.site,
        source=source.source,
        expected_silence_ms=milliseconds(source.expected_silence_seconds),
        channels=None if source.channels is None else frozenset(source.channels),
    )


def _place(entry: VendorQueue, queue: Queue) -> Place:
    channel = entry.channel or queue.channels[0]
    return Place(queue.tenant, queue.site, queue.queue, channel, frozenset(entry.callback_keys))


def milliseconds(seconds: float) -> int:
    """Whole milliseconds, as the core counts time."""
    return round(seconds * 1000)
