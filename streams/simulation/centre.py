"""The simulated contact centre: two sites, their queues and teams, as plain values.

Everything is invented. The telephone numbers cannot be real: Brazil reserves none for fiction, but no subscriber number
begins with 0, which is the prefix of a long-distance call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

TENANT: Final = "acme"
ZONES: Final = MappingProxyType({"fortaleza": "America/Fortaleza", "sao-paulo": "America/Sao_Paulo"})
SITE_NAMES: Final = MappingProxyType({"fortaleza": "Fortaleza", "sao-paulo": "São Paulo"})
AREA_CODES: Final = MappingProxyType({"fortaleza": ("85", "88", "84", "83"), "sao-paulo": ("11", "19", "13", "21")})
SOURCES: Final = MappingProxyType(
    {
        ("fortaleza", "voice"): "pbx-fortaleza-1",
        ("sao-paulo", "voice"): "pbx-sao-paulo-1",
        ("fortaleza", "whatsapp"): "messaging-hub",
        ("sao-paulo", "chat"): "web-chat",
        ("sao-paulo", "email"): "mail-gateway",
    }
)
"""Who tells of the contacts of a site and channel; the telephone platforms tell of their site's agents too."""

CALLBACK_QUEUE: Final = "retorno-sac"

ALL_DAY: Final = (2, 1, 1, 1, 1, 2, 5, 11, 19, 25, 27, 25, 20, 20, 23, 24, 22, 18, 14, 11, 8, 6, 4, 3)
OFFICE: Final = (1, 1, 1, 1, 1, 1, 3, 8, 16, 18, 16, 14, 10, 12, 14, 13, 11, 8, 5, 4, 4, 3, 2, 1)
EVENING: Final = (3, 2, 1, 1, 1, 1, 3, 6, 10, 13, 15, 15, 16, 15, 15, 16, 17, 18, 20, 21, 19, 15, 10, 6)
"""How a day's contacts spread over its hours, as weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedQueue:
    """A queue as its contacts meet it. Handling and patience are medians of lognormal distributions.

    ``contacts`` are the first attempts of the day; whoever calls again, is transferred or called back comes on top.
    """

    queue: str
    site: str
    channel: str
    display_name: str
    group: str
    contacts: int
    rush: tuple[float, int] | None = None
    """An hour, and the contacts that come on top in the twenty minutes from it."""
    by_hour: tuple[int, ...] = ALL_DAY
    opens_hour: int = 0
    closes_hour: int = 24
    answer_target_seconds: int
    max_wait_seconds: int
    short_abandon_seconds: float = 5.0
    service_level_target: float = 0.8
    formula: str = "answered_of_offered"
    calls_back: bool = False
    handling_seconds: float
    patience_seconds: float
    overflows_to: str | None = None
    overflow_seconds: float = 0.0
    timeout_seconds: float = 86_400.0
    transfers: Mapping[str, float] = field(default_factory=dict)
    """Queue to the share of the answered contacts that go on there."""

    @property
    def source(self) -> str:
        return SOURCES[self.site, self.channel]

    def section(self) -> dict[str, Any]:
        """The queue as the configuration file has it."""
        section: dict[str, Any] = {
            "tenant": TENANT,
            "site": self.site,
            "queue": self.queue,
            "channels": [self.channel],
            "group": self.group,
            "display_name": self.display_name,
            "answer_target_seconds": self.answer_target_seconds,
            "max_wait_seconds": self.max_wait_seconds,
            "short_abandon_seconds": self.short_abandon_seconds,
            "service_level_target": self.service_level_target,
            "formula": self.formula,
        }
        return section | ({"callback": {"queue": CALLBACK_QUEUE}} if self.calls_back else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Agents who serve the same queues, the most urgent first. ``shifts`` are (hour of the start, agents)."""

    name: str
    site: str
    queues: tuple[str, ...]
    shifts: tuple[tuple[int, int], ...]


_QUEUES: Final = (
    SimulatedQueue(
        queue="sac-cartoes",
        site="fortaleza",
        channel="voice",
        display_name="SAC Cartões",
        group="cards",
        contacts=600,
        answer_target_seconds=45,
        max_wait_seconds=45,
        calls_back=True,
        handling_seconds=200,
        patience_seconds=110,
        overflows_to="sac-banco",
        overflow_seconds=75,
        timeout_seconds=300,
        transfers={"sac-banco": 0.04},
    ),
    SimulatedQueue(
        queue="sac-banco",
        site="fortaleza",
        channel="voice",
        display_name="SAC Banco",
        group="bank",
        contacts=480,
        answer_target_seconds=45,
        max_wait_seconds=45,
        formula="excluding_short_abandons",
        calls_back=True,
        handling_seconds=230,
        patience_seconds=120,
        timeout_seconds=240,
        transfers={"sac-cartoes": 0.05},
    ),
    SimulatedQueue(
        queue="sac-telecom",
        site="sao-paulo",
        channel="voice",
        display_name="SAC Telecom",
        group="telecom",
        contacts=540,
        rush=(10.5, 60),
        opens_hour=6,
        closes_hour=22,
        answer_target_seconds=30,
        max_wait_seconds=60,
        calls_back=True,
        handling_seconds=240,
        patience_seconds=150,
        timeout_seconds=140,
        transfers={"cancelamento": 0.1},
    ),
    SimulatedQueue(
        queue="cancelamento",
        site="sao-paulo",
        channel="voice",
        display_name="Cancelamento",
        group="telecom",
        contacts=140,
        answer_target_seconds=20,
        max_wait_seconds=60,
        formula="excluding_abandons_in_target",
        handling_seconds=320,
        patience_seconds=180,
        timeout_seconds=420,
        transfers={"sac-telecom": 0.2},
    ),
    SimulatedQueue(
        queue="sac-whatsapp",
        site="fortaleza",
        channel="whatsapp",
        display_name="WhatsApp",
        group="messages",
        contacts=360,
        by_hour=EVENING,
        answer_target_seconds=120,
        max_wait_seconds=900,
        handling_seconds=260,
        patience_seconds=1800,
    ),
    SimulatedQueue(
        queue="sac-chat",
        site="sao-paulo",
        channel="chat",
        display_name="Chat do site",
        group="messages",
        contacts=260,
        by_hour=EVENING,
        answer_target_seconds=60,
        max_wait_seconds=300,
        formula="short_abandons_count_as_met",
        handling_seconds=280,
        patience_seconds=260,
        timeout_seconds=900,
    ),
    SimulatedQueue(
        queue="sac-email",
        site="sao-paulo",
        channel="email",
        display_name="E-mail",
        group="mail",
        contacts=150,
        by_hour=OFFICE,
        answer_target_seconds=14_400,
        max_wait_seconds=21_600,
        short_abandon_seconds=0,
        handling_seconds=380,
        patience_seconds=10_000_000,
        timeout_seconds=10_000_000,
    ),
    SimulatedQueue(
        queue=CALLBACK_QUEUE,
        site="fortaleza",
        channel="voice",
        display_name="Retorno SAC",
        group="callbacks",
        contacts=0,
        answer_target_seconds=10,
        max_wait_seconds=30,
        short_abandon_seconds=2,
        formula="amazon_sl_x",
        handling_seconds=180,
        patience_seconds=40,
        timeout_seconds=120,
    ),
)
QUEUES: Final[Mapping[str, SimulatedQueue]] = MappingProxyType({each.queue: each for each in _QUEUES})

TEAMS: Final = (
    Team(
        name="cartoes",
        site="fortaleza",
        queues=(CALLBACK_QUEUE, "sac-cartoes"),
        shifts=((0, 1), (6, 2), (8, 4), (9, 3), (12, 2), (14, 4), (17, 2), (18, 1)),
    ),
    Team(
        name="banco",
        site="fortaleza",
        queues=(CALLBACK_QUEUE, "sac-banco"),
        shifts=((0, 1), (6, 2), (8, 4), (9, 2), (12, 2), (14, 4), (17, 2), (18, 1)),
    ),
    Team(
        name="telecom",
        site="sao-paulo",
        queues=("sac-telecom", "cancelamento"),
        shifts=((0, 1), (6, 2), (8, 4), (9, 3), (12, 2), (14, 4), (16, 2), (18, 1)),
    ),
    Team(name="cancelamento", site="sao-paulo", queues=("cancelamento",), shifts=((7, 1), (9, 1), (13, 1), (15, 1))),
    Team(
        name="whatsapp", site="fortaleza", queues=("sac-whatsapp",), shifts=((6, 1), (8, 2), (12, 2), (15, 2), (17, 2))
    ),
    Team(name="chat", site="sao-paulo", queues=("sac-chat",), shifts=((6, 1), (8, 2), (12, 2), (15, 1), (17, 2))),
    Team(name="email", site="sao-paulo", queues=("sac-email",), shifts=((8, 3), (9, 1), (13, 2))),
)


def sections() -> dict[str, Any]:
    """Sites, sources, queues and callback queues as the configuration file has them."""
    sources = {source: site for (site, _), source in SOURCES.items()}
    callback = QUEUES[CALLBACK_QUEUE]
    return {
        "sites": [
            {"tenant": TENANT, "site": site, "zone": zone, "display_name": SITE_NAMES[site]}
            for site, zone in ZONES.items()
        ],
        "sources": [
            {"tenant": TENANT, "site": site, "source": source, "expected_silence_seconds": 900}
            for source, site in sources.items()
        ],
        "queues": [queue.section() for queue in QUEUES.values()],
        "callback_queues": [
            {
                "tenant": TENANT,
                "site": callback.site,
                "queue": callback.queue,
                "display_name": callback.display_name,
            }
        ],
    }
