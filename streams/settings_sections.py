"""The sections of the configuration file as frozen values: which keys exist, of what kind, with which default.

Durations are seconds. What spans several keys is checked in ``settings_checks``; secrets are only named here (an
environment variable or a file), never held.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta, Struct

from streams.domain.events import Channel

Slug = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9-]{1,40}\Z", description="a slug: small letters a-z, digits and -, at most 40 characters"),
]
Label = Annotated[
    str,
    Meta(pattern=r"^[^\x00-\x1f\x7f]{1,80}\Z", description="one line of text, at most 80 characters"),
]
Zone = Annotated[str, Meta(min_length=1, max_length=60, description="an IANA time zone such as America/Fortaleza")]
Host = Annotated[str, Meta(pattern=r"^[A-Za-z0-9.:_-]{1,253}\Z", description="a host name or IP address")]
Broker = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])"
        r":([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])\Z",
        description="host:port, the port from 1 to 65535",
    ),
]
VariableName = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,59}\Z",
        description="the name of an environment variable (letters, digits and _, at most 60 characters), "
        "not the secret itself",
    ),
]
FileName = Annotated[str, Meta(min_length=1, max_length=4096, description="the path of a file")]
State = Literal[
    "AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA", "PB", "PE", "PI", "PR", "RJ",
    "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO",
]  # fmt: skip
PackName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9-]{1,40}@\d{4}\.\d{2}\.\d{1,3}\Z",
        description="a policy with its version, such as br-sac@2026.11.0",
    ),
]
HoursText = Annotated[
    str,
    Meta(
        pattern=r"^\d\d:\d\d-\d\d:\d\d( *, *\d\d:\d\d-\d\d:\d\d)*\Z",
        description='hours such as "08:00-20:00" or "08:00-12:00, 13:00-18:00"',
    ),
]
Days = Annotated[
    str,
    Meta(
        pattern=r"^(daily|(mon|tue|wed|thu|fri|sat|sun)(-(mon|tue|wed|thu|fri|sat|sun))?)\Z",
        description="daily, a weekday (mon, tue, wed, thu, fri, sat, sun) or some of them (mon-fri)",
    ),
]
Ratio = Annotated[float, Meta(gt=0, le=1, description="a ratio above 0 and up to 1, such as 0.8")]
Promised = Annotated[float, Meta(ge=1, le=31_536_000)]
Duration = Annotated[float, Meta(ge=0, le=31_536_000)]

Span = Annotated[
    str,
    Meta(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)\Z",
        description="hours such as 09:00-21:00",
    ),
]
Keys = Annotated[str, Meta(pattern=r"^[0-9A-D*#]{1,10}\Z", description='keys of a telephone, in quotes: "1"')]
RetriedOutcome = Literal[
    "answered",
    "no_answer",
    "busy",
    "failed",
    "invalid_number",
    "refused",
    "voicemail",
    "abandoned",
    "no_result",
]

Formula = Literal[
    "answered_of_offered",
    "excluding_short_abandons",
    "excluding_abandons_in_target",
    "abandons_in_target_count_as_met",
    "short_abandons_count_as_met",
    "amazon_sl_x",
]
"""The service-level formulas that may carry a target; ``answered_only`` is reported but never promised."""

FORMULA_HINT: Final = f"one of {', '.join(get_args(Formula))} (answered_only is reported, never a target)"


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Root of every section: frozen, named keys only, unknown keys refused."""


class Security(Section, frozen=True, kw_only=True):
    """How to reach the brokers. SASL always travels inside TLS; the files are PEM."""

    protocol: Literal["plaintext", "ssl", "sasl_ssl"] = "plaintext"
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: Annotated[str, Meta(min_length=1, max_length=256, description="a user name")] | None = None
    password_env: VariableName | None = None
    password_file: FileName | None = None
    ca_file: FileName | None = None
    cert_file: FileName | None = None
    key_file: FileName | None = None


class Kafka(Section, frozen=True, kw_only=True):
    """The cluster, and the shape of every topic in it. ``partitions`` never changes while the data lives."""

    brokers: Annotated[
        tuple[Broker, ...], Meta(min_length=1, max_length=100, description="a list of at least one broker, host:port")
    ]
    prefix: Slug = "filaviva"
    partitions: Annotated[int, Meta(ge=1, le=1024)] = 8
    replication: Annotated[int, Meta(ge=1, le=7)] = 1
    security: Security = Security()


class Worker(Section, frozen=True, kw_only=True):
    """One worker process. ``metrics_port`` 0 takes any free port."""

    metrics_host: Host = "127.0.0.1"
    metrics_port: Annotated[int, Meta(ge=0, le=65_535)] = 9108
    flush_seconds: Annotated[float, Meta(ge=0.05, le=60)] = 1.0
    session_timeout_seconds: Annotated[float, Meta(ge=1, le=1800)] = 15.0
    max_poll_records: Annotated[int, Meta(ge=1, le=100_000)] = 500
    agent_ttl_seconds: Annotated[float, Meta(ge=1, le=604_800)] = 3600.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"


class Clock(Section, frozen=True, kw_only=True):
    """What "now" is: the wall clock in production, event time in simulations."""

    mode: Literal["wall", "event"] = "wall"
    lateness_seconds: Annotated[float, Meta(ge=0, le=3600)] = 60.0
    grace_seconds: Annotated[float, Meta(ge=0, le=60)] = 2.0


class TenantSecrets(Section, frozen=True, kw_only=True):
    """Where the keys of one tenant are: each in an environment variable or in a file."""

    token_key_env: VariableName | None = None
    token_key_file: FileName | None = None
    previous_token_key_env: VariableName | None = None
    previous_token_key_file: FileName | None = None
    seal_key_env: VariableName | None = None
    seal_key_file: FileName | None = None


class Privacy(Section, frozen=True, kw_only=True):
    """The keys by tenant; a tenant without callbacks may be left out, then no customer tokens are computed."""

    tenants: dict[Slug, TenantSecrets] = {}


class Site(Section, frozen=True, kw_only=True):
    """A place with its own local day. ``holidays`` are local ones that no calendar has."""

    tenant: Slug
    site: Slug
    zone: Zone
    state: State | None = None
    city: Slug | None = None
    holidays: Annotated[tuple[date, ...], Meta(max_length=1000)] = ()
    display_name: Label | None = None


class Source(Section, frozen=True, kw_only=True):
    """A feed of a site, and how long it may be silent before the queues it feeds are stale.

    ``channels`` left out are all that the site's queues have; an empty list feeds no queue (agents only).
    """

    tenant: Slug
    site: Slug
    source: Slug
    expected_silence_seconds: Annotated[float, Meta(ge=1, le=604_800)]
    channels: tuple[Channel, ...] | None = None


class Callback(Section, frozen=True, kw_only=True):
    """Which callback queue calls back the customers who left this queue unserved, and which of them. Whoever is cut off
    by the supplier's side is called in any case."""

    queue: Slug
    abandons: bool = True
    requests: bool = True
    short_abandons: bool = False
    minimum_wait_seconds: Duration = 0.0
    channels: tuple[Channel, ...] | None = None
    excluded_reasons: Annotated[tuple[Label, ...], Meta(max_length=100)] = ()


class Queue(Section, frozen=True, kw_only=True):
    """A queue and what is promised there. ``unknown_exit_seconds`` overrides the defaults of all its channels.

    ``policy`` is whose rules bind its waits; ``max_wait_seconds`` is the limit where those set none. ``policy_beside``
    judges the same waits too, and only finds: another version to be tried. ``state`` and ``city`` are the site's unless
    given.
    """

    tenant: Slug
    site: Slug
    queue: Slug
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1, description="a list of at least one channel")]
    answer_target_seconds: Annotated[int, Meta(ge=1, le=31_536_000)]
    max_wait_seconds: Annotated[float, Meta(ge=1, le=31_536_000)] | None = None
    max_wait_counts: Literal["calendar_time", "opening_hours"] = "calendar_time"
    short_abandon_seconds: Duration = 5.0
    service_level_target: Ratio = 0.8
    formula: Annotated[Formula, Meta(description=FORMULA_HINT)] = "answered_of_offered"
    sector: Slug | None = None
    policy: PackName | None = None
    policy_beside: PackName | None = None
    state: State | None = None
    city: Slug | None = None
    hours: dict[Days, HoursText] | None = None
    display_name: Label | None = None
    group: Label | None = None
    unknown_exit_seconds: Annotated[float, Meta(ge=1, le=31_536_000)] | None = None
    callback: Callback | None = None


class Hours(Section, frozen=True, kw_only=True):
    """When customers may be called, on their own clocks; what is left out is never. Sundays and holidays: ``asked``
    alone, and only for what they asked for."""

    weekdays: Span | None = None
    saturday: Span | None = None
    asked: Span | None = None


class CallbackQueue(Section, frozen=True, kw_only=True):
    """A queue that answered callbacks enter; it is also listed in ``queues``. The rest says how customers are called.

    ``retry_seconds`` overrides the waits after some outcomes, null for never again; ``yield_to`` left out are the
    queues of the same site that call back here; ``yield_seconds`` null yields to nobody.
    """

    tenant: Slug
    site: Slug
    queue: Slug
    display_name: Label | None = None
    attempts: Annotated[int, Meta(ge=1, le=50)] = 3
    retry_seconds: dict[RetriedOutcome, Duration | None] = {}
    expires_seconds: Annotated[float, Meta(ge=60, le=2_592_000)] = 86_400.0
    due_seconds: Annotated[float, Meta(ge=1, le=2_592_000)] = 7200.0
    owed_due_seconds: Annotated[float, Meta(ge=1, le=2_592_000)] = 600.0
    boost: Annotated[float, Meta(ge=0, le=10)] = 1.0
    ivr_first: bool = False
    lease_seconds: Annotated[float, Meta(ge=10, le=3600)] = 180.0
    yield_to: tuple[Slug, ...] | None = None
    yield_seconds: Duration | None = 60.0
    purpose: Literal["callback", "telemarketing", "collections"] = "callback"
    hours: Hours | None = None
    calls_per_day: Annotated[int, Meta(ge=1, le=100)] = 2
    calls_per_month: Annotated[int, Meta(ge=1, le=1000)] = 15
    ageing_seconds: Annotated[float, Meta(ge=1, le=2_592_000)] = 1800.0


class Cases(Section, frozen=True, kw_only=True):
    """What the cases of a tenant are held to, each policy beside the others. ``sector`` is that of cases without one,
    ``state`` and ``city`` whose holidays a policy goes by that reads them.

    The seconds are what the tenant itself promises, for a policy that asks for them, such as ``contract``. They count
    in ``hours`` on the clock of ``zone`` (left out, the policy's own), or without a pause.
    """

    tenant: Slug
    policies: Annotated[tuple[PackName, ...], Meta(min_length=1, max_length=10, description="a list of policies")]
    sector: Slug | None = None
    state: State | None = None
    city: Slug | None = None
    first_response_seconds: Promised | None = None
    next_response_seconds: Promised | None = None
    resolution_seconds: Promised | None = None
    seconds_count: Literal["calendar_time", "opening_hours"] = "calendar_time"
    hours: dict[Days, HoursText] | None = None
    zone: Zone | None = None


ReceiverKind = Literal["cloudevents", "chatwoot", "whatsapp", "amazon-connect"]
Proof = Literal["signature", "bearer", "query_token"]
PROOFS_OF_KIND: Final[dict[ReceiverKind, tuple[Proof, ...]]] = {
    "cloudevents": ("signature", "bearer"),
    "chatwoot": ("signature", "query_token"),
    "whatsapp": ("signature",),
    "amazon-connect": ("bearer",),
}
"""What each platform can prove itself with."""


class Receiver(Section, frozen=True, kw_only=True):
    """A source that sends over HTTP, to ``/in/TENANT/SOURCE``, and how it proves that it is this source.

    While a secret changes, the previous one is good too. A signature older or newer than ``replay_seconds`` is refused.
    ``verify_token`` is what Meta shows when it looks whether the address is ours.
    """

    tenant: Slug
    source: Slug
    kind: ReceiverKind = "cloudevents"
    proof: Proof = "signature"
    secret_env: VariableName | None = None
    secret_file: FileName | None = None
    previous_secret_env: VariableName | None = None
    previous_secret_file: FileName | None = None
    verify_token_env: VariableName | None = None
    verify_token_file: FileName | None = None
    replay_seconds: Annotated[float, Meta(ge=1, le=3600)] = 300.0


class Gateway(Section, frozen=True, kw_only=True):
    """The HTTP listener for sources that do not write to Kafka themselves. ``port`` 0 takes any free port.

    Beyond ``max_in_flight_mib`` of requests under way, ``max_requests`` of one source, and ``max_connections``, it asks
    to come later.
    """

    host: Host = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 9180
    max_in_flight_mib: Annotated[int, Meta(ge=8, le=4096)] = 32
    max_requests: Annotated[int, Meta(ge=1, le=100_000)] = 256
    max_connections: Annotated[int, Meta(ge=1, le=100_000)] = 1000
    receivers: Annotated[
        tuple[Receiver, ...], Meta(min_length=1, max_length=1000, description="a list of at least one receiver")
    ]


class VendorQueue(Section, frozen=True, kw_only=True):
    """What a source calls a queue of ours. ``channel`` may be left out where the queue has one; ``callback_keys`` are
    what callers press, or type, to be called back instead of waiting."""

    source: Slug
    name: Annotated[
        str, Meta(pattern=r"^[^\x00-\x1f\x7f]{1,200}\Z", description="a vendor's name, at most 200 characters")
    ]
    tenant: Slug
    queue: Slug
    channel: Channel | None = None
    callback_keys: Annotated[tuple[Keys, ...], Meta(max_length=20)] = ()


class Availability(Section, frozen=True, kw_only=True):
    """What a site must offer its customers, each policy beside the others, and by which channels. Its sources tell on
    ``site-events``; a site that speaks for others is the one that is listed."""

    tenant: Slug
    site: Slug
    policies: Annotated[tuple[PackName, ...], Meta(min_length=1, max_length=10, description="a list of policies")]
    channels: Annotated[tuple[Channel, ...], Meta(min_length=1, description="a list of at least one channel")]
    sector: Slug | None = None


class Document(Section, frozen=True, kw_only=True):
    """The whole file."""

    kafka: Kafka
    worker: Worker = Worker()
    clock: Clock = Clock()
    privacy: Privacy = Privacy()
    sites: Annotated[tuple[Site, ...], Meta(min_length=1, max_length=1000, description="a list of at least one site")]
    sources: tuple[Source, ...] = ()
    queues: Annotated[tuple[Queue, ...], Meta(min_length=1, max_length=5000, description="a list of 1 to 5000 queues")]
    callback_queues: tuple[CallbackQueue, ...] = ()
    cases: tuple[Cases, ...] = ()
    gateway: Gateway | None = None
    vendor_queues: Annotated[tuple[VendorQueue, ...], Meta(max_length=20_000)] = ()
    availability: tuple[Availability, ...] = ()
    policies: tuple[FileName, ...] = ()
    """Packs of one's own, beside those that come with the package."""
