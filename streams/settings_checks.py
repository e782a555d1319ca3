"""What must hold between the keys of the configuration: one small check per rule.

A check sees the elements that are sound by themselves, so that one bad element hides no other fault; rules that look
something up in another section are skipped while that section is unsound.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from streams.domain.directory import UNKNOWN_EXIT_MS
from streams.domain.figures import wait_edges_seconds
from streams.settings_document import Problem, readable, readable_one
from streams.settings_sections import (
    PROOFS_OF_KIND,
    Availability,
    CallbackQueue,
    Cases,
    Gateway,
    Kafka,
    Privacy,
    Queue,
    Receiver,
    Security,
    Site,
    Source,
    TenantSecrets,
    VendorQueue,
)

Element = TypeVar("Element", Site, Source, Queue, CallbackQueue)
Listed = TypeVar("Listed", Site, Source, Queue, CallbackQueue, VendorQueue)

_LOGIN_KEYS: Final = ("mechanism", "username", "password_env", "password_file")
_TLS_KEYS: Final = ("ca_file", "cert_file", "key_file")
_KEYS_OF_TENANT: Final = ("token_key", "previous_token_key", "seal_key")


@dataclass(frozen=True, slots=True)
class Draft:
    """The sound elements of a file, by index, and the sections (``unsound``) that hold others."""

    kafka: Kafka | None
    privacy: Privacy | None
    sites: Mapping[int, Site]
    sources: Mapping[int, Source]
    queues: Mapping[int, Queue]
    callback_queues: Mapping[int, CallbackQueue]
    cases: Mapping[int, Cases]
    gateway: Gateway | None
    vendor_queues: Mapping[int, VendorQueue]
    availability: Mapping[int, Availability]
    unsound: frozenset[str]

    @classmethod
    def of(cls, raw: Mapping[str, object], problems: list[Problem]) -> Draft:
        """What can be read of plain values, given what is already known to be wrong with them."""
        return cls(
            kafka=readable_one(Kafka, raw.get("kafka")),
            privacy=readable_one(Privacy, raw.get("privacy", {})),
            sites=readable(Site, raw.get("sites")),
            sources=readable(Source, raw.get("sources")),
            queues=readable(Queue, raw.get("queues")),
            callback_queues=readable(CallbackQueue, raw.get("callback_queues")),
            cases=readable(Cases, raw.get("cases")),
            gateway=readable_one(Gateway, raw.get("gateway")),
            vendor_queues=readable(VendorQueue, raw.get("vendor_queues")),
            availability=readable(Availability, raw.get("availability")),
            unsound=frozenset(path.partition(".")[0].partition("[")[0] for path, _ in problems),
        )

    @property
    def zones(self) -> dict[tuple[str, str], str]:
        return {(site.tenant, site.site): site.zone for site in self.sites.values()}


def problems_between(draft: Draft) -> list[Problem]:
    """Every rule that does not hold."""
    checks = (
        _kafka,
        _privacy,
        _tenants_with_keys,
        _sites,
        _sources,
        _queues,
        _queue_promises,
        _callback_queues,
        _receivers,
        _vendor_queues,
    )
    return list(itertools.chain.from_iterable(check(draft) for check in checks))


def _kafka(draft: Draft) -> Iterator[Problem]:
    if draft.kafka is None:
        return
    security, path = draft.kafka.security, "kafka.security"
    unused = {"plaintext": _LOGIN_KEYS + _TLS_KEYS, "ssl": _LOGIN_KEYS, "sasl_ssl": ()}[security.protocol]
    for name in unused:
        if getattr(security, name) is not None:
            yield f"{path}.{name}", f"expected no such key with protocol {security.protocol}"
    if security.protocol == "sasl_ssl":
        yield from _login(security, path)
    if "ssl" in security.protocol and (security.cert_file is None) != (security.key_file is None):
        yield path, "expected cert_file and key_file together, or neither"


def _login(security: Security, path: str) -> Iterator[Problem]:
    for name in ("mechanism", "username"):
        if getattr(security, name) is None:
            yield f"{path}.{name}", "expected a value with protocol sasl_ssl; it is missing"
    yield from _one_place(security, "password", path)


def _one_place(section: Security | TenantSecrets | Receiver, name: str, path: str) -> Iterator[Problem]:
    places = [getattr(section, f"{name}_env"), getattr(section, f"{name}_file")]
    if places.count(None) != 1:
        yield f"{path}.{name}_env", f"expected exactly one of {name}_env and {name}_file"


def _privacy(draft: Draft) -> Iterator[Problem]:
    tenants = draft.privacy.tenants if draft.privacy else {}
    known = {site.tenant for site in draft.sites.values()}
    for tenant, secrets in tenants.items():
        path = f"privacy.tenants.{tenant}"
        if tenant not in known and "sites" not in draft.unsound:
            yield path, f"expected a tenant that has a site: {_listed(known)}"
        for name in _KEYS_OF_TENANT:
            is_left_out = getattr(secrets, f"{name}_env") is None and getattr(secrets, f"{name}_file") is None
            if not (name == "previous_token_key" and is_left_out):
                yield from _one_place(secrets, name, path)


def _tenants_with_keys(draft: Draft) -> Iterator[Problem]:
    """Callbacks need a token to recognise the customer and a sealed address to dial."""
    if draft.privacy is None:
        return
    first: dict[str, int] = {}
    for index, queue in draft.queues.items():
        if queue.callback is not None:
            first.setdefault(queue.tenant, index)
    for tenant, index in first.items():
        if tenant not in draft.privacy.tenants:
            yield (
                f"privacy.tenants.{tenant}",
                f"expected token_key and seal_key, because queues[{index}] has a callback",
            )


def _sites(draft: Draft) -> Iterator[Problem]:
    yield from _repeated("sites", draft.sites, lambda site: (site.tenant, site.site), "site")
    for index, site in draft.sites.items():
        if not is_zone(site.zone):
            yield f"sites[{index}].zone", "expected an IANA time zone such as America/Fortaleza"


def is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, not a plain name, a directory of zones
        return False
    return True


def _sources(draft: Draft) -> Iterator[Problem]:
    yield from _repeated("sources", draft.sources, lambda source: (source.tenant, source.site, source.source), "source")
    yield from _unknown_sites("sources", draft.sources, draft)
    for index, source in draft.sources.items():
        yield from _source_channels(source, f"sources[{index}].channels", draft)


def _source_channels(source: Source, path: str, draft: Draft) -> Iterator[Problem]:
    channels = source.channels or ()
    if len(set(channels)) != len(channels):
        yield path, "expected each channel once"
    if "queues" in draft.unsound or "sites" in draft.unsound:
        return
    place = (source.tenant, source.site)
    ours = {
        channel for queue in draft.queues.values() if (queue.tenant, queue.site) == place for channel in queue.channels
    }
    if not set(channels) <= ours:
        yield path, f"expected channels of the queues of site {source.site}: {_listed(ours)}"


def _queues(draft: Draft) -> Iterator[Problem]:
    yield from _repeated("queues", draft.queues, lambda queue: (queue.tenant, queue.queue), "queue")
    yield from _unknown_sites("queues", draft.queues, draft)
    known = {(entry.tenant, entry.queue) for entry in draft.callback_queues.values()}
    for index, queue in draft.queues.items():
        if queue.callback is None or "callback_queues" in draft.unsound:
            continue
        if (queue.tenant, queue.callback.queue) not in known:
            ours = {name for tenant, name in known if tenant == queue.tenant}
            yield (
                f"queues[{index}].callback.queue",
                f"expected a callback queue of tenant {queue.tenant}: {_listed(ours)}",
            )


def _queue_promises(draft: Draft) -> Iterator[Problem]:
    for index, queue in draft.queues.items():
        path = f"queues[{index}]"
        lists = {wait_edges_seconds(channel) for channel in queue.channels}
        if len(set(queue.channels)) != len(queue.channels):
            yield f"{path}.channels", "expected each channel once"
        if len(lists) > 1:
            yield (
                f"{path}.channels",
                "expected live channels (voice, chat, whatsapp, sms, app) or written ones (email, form), not both",
            )
        elif queue.answer_target_seconds not in (edges := lists.pop()):
            yield (
                f"{path}.answer_target_seconds",
                f"expected a bucket edge of the wait histogram: {', '.join(map(str, edges))}",
            )
        yield from _limits(queue, path)


def _limits(queue: Queue, path: str) -> Iterator[Problem]:
    target = queue.answer_target_seconds
    if queue.short_abandon_seconds > target:
        yield f"{path}.short_abandon_seconds", f"expected at most answer_target_seconds ({target})"
    if queue.max_wait_seconds is None:
        return
    if queue.max_wait_seconds < target:
        yield f"{path}.max_wait_seconds", f"expected at least answer_target_seconds ({target})"
    believed = queue.unknown_exit_seconds or min(UNKNOWN_EXIT_MS[channel] for channel in queue.channels) / 1000
    if queue.max_wait_seconds > believed:
        yield (
            f"{path}.max_wait_seconds",
            f"expected at most the {believed:.10g} s after which an unfinished contact counts as unknown_exit",
        )


def _callback_queues(draft: Draft) -> Iterator[Problem]:
    yield from _repeated("callback_queues", draft.callback_queues, lambda entry: (entry.tenant, entry.queue), "queue")
    yield from _unknown_sites("callback_queues", draft.callback_queues, draft)
    for index, entry in draft.callback_queues.items():
        for name in ("weekdays", "saturday", "asked"):
            span: str | None = getattr(entry.hours, name, None)
            if span is not None and span[:5] >= span[6:]:
                yield f"callback_queues[{index}].hours.{name}", "expected an end after the start"
    if "queues" in draft.unsound:
        return
    site_of = {(queue.tenant, queue.queue): queue.site for queue in draft.queues.values()}
    for index, entry in draft.callback_queues.items():
        if (entry.tenant, entry.queue) not in site_of:
            yield (
                f"callback_queues[{index}].queue",
                "expected a queue that is listed in queues too: answered callbacks enter it",
            )
        ours = {name for tenant, name in site_of if tenant == entry.tenant}
        if not set(entry.yield_to or ()) <= ours:
            yield f"callback_queues[{index}].yield_to", f"expected queues of tenant {entry.tenant}: {_listed(ours)}"
        if (entry.tenant, entry.queue) in site_of and site_of[entry.tenant, entry.queue] != entry.site:
            yield (
                f"callback_queues[{index}].site",
                f"expected {site_of[entry.tenant, entry.queue]}, the site of this queue in queues",
            )


def _receivers(draft: Draft) -> Iterator[Problem]:
    receivers = draft.gateway.receivers if draft.gateway else ()
    known = {site.tenant for site in draft.sites.values()}
    first: dict[tuple[str, str], int] = {}
    for index, receiver in enumerate(receivers):
        path = f"gateway.receivers[{index}]"
        if receiver.tenant not in known and "sites" not in draft.unsound:
            yield f"{path}.tenant", f"expected a tenant that has a site: {_listed(known)}"
        earlier = first.setdefault((receiver.tenant, receiver.source), index)
        if earlier != index:
            yield f"{path}.source", f"expected a source not listed before; gateway.receivers[{earlier}] is the same"
        yield from _one_place(receiver, "secret", path)
        if receiver.proof not in PROOFS_OF_KIND[receiver.kind]:
            yield f"{path}.proof", f"expected {' or '.join(PROOFS_OF_KIND[receiver.kind])} with kind {receiver.kind}"
        if receiver.kind == "whatsapp":
            yield from _one_place(receiver, "verify_token", path)
        elif receiver.verify_token_env is not None or receiver.verify_token_file is not None:
            yield f"{path}.verify_token_env", f"expected no such key with kind {receiver.kind}"
        yield from _mapped(receiver, path, draft)
        if receiver.previous_secret_env is not None and receiver.previous_secret_file is not None:
            yield f"{path}.previous_secret_env", "expected at most one of previous_secret_env and previous_secret_file"


def _mapped(receiver: Receiver, path: str, draft: Draft) -> Iterator[Problem]:
    """A platform's webhooks go to the queues of its own tenant, by the names of ``vendor_queues``."""
    if receiver.kind == "cloudevents" or "vendor_queues" in draft.unsound:
        return
    tenants = {entry.tenant for entry in draft.vendor_queues.values() if entry.source == receiver.source}
    if tenants - {receiver.tenant}:
        yield f"{path}.source", f"expected a source whose vendor_queues are all of tenant {receiver.tenant}"


def _vendor_queues(draft: Draft) -> Iterator[Problem]:
    named = draft.vendor_queues
    yield from _repeated("vendor_queues", named, lambda entry: (entry.source, entry.name), "name")
    if "queues" in draft.unsound:
        return
    channels_of = {(queue.tenant, queue.queue): queue.channels for queue in draft.queues.values()}
    for index, entry in named.items():
        path, channels = f"vendor_queues[{index}]", channels_of.get((entry.tenant, entry.queue))
        if channels is None:
            ours = {queue for tenant, queue in channels_of if tenant == entry.tenant}
            yield f"{path}.queue", f"expected a queue of tenant {entry.tenant}: {_listed(ours)}"
        elif entry.channel not in (channels if len(channels) > 1 else (None, *channels)):
            yield f"{path}.channel", f"expected one of the channels of queue {entry.queue}: {_listed(channels)}"


def _unknown_sites(section: str, elements: Mapping[int, Element], draft: Draft) -> Iterator[Problem]:
    if "sites" in draft.unsound:
        return
    zones = draft.zones
    for index, element in elements.items():
        if isinstance(element, Site) or (element.tenant, element.site) in zones:
            continue
        ours = {site for tenant, site in zones if tenant == element.tenant}
        yield f"{section}[{index}].site", f"expected a site of tenant {element.tenant}: {_listed(ours)}"


def _repeated(
    section: str, elements: Mapping[int, Listed], identity: Callable[[Listed], tuple[str, ...]], key: str
) -> Iterator[Problem]:
    first: dict[tuple[str, ...], int] = {}
    for index, element in elements.items():
        earlier = first.setdefault(identity(element), index)
        if earlier != index:
            yield f"{section}[{index}].{key}", f"expected a {key} not listed before; {section}[{earlier}] is the same"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none is configured"
