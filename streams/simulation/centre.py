"""The built-in centre: the customer service of an invented Brazilian bank and telephone company, at two sites.

Everything is invented. The telephone numbers cannot be real: Brazil reserves none for fiction, but no subscriber number
begins with 0, which is the prefix of a long-distance call, or with 1, which is for public services.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from streams.simulation.layout import EVENING, OFFICE, Centre, SimulatedQueue, Site, Team

TENANT: Final = "acme"
CALLBACK_QUEUE: Final = "retorno-sac"

SITES: Final = (
    Site(
        site="fortaleza",
        display_name="Fortaleza",
        zone="America/Fortaleza",
        area_codes=("85", "88", "84", "83"),
        customers=1500,
        sources={"voice": "pbx-fortaleza-1", "whatsapp": "messaging-hub"},
        agents_source="pbx-fortaleza-1",
    ),
    Site(
        site="sao-paulo",
        display_name="São Paulo",
        zone="America/Sao_Paulo",
        area_codes=("11", "19", "13", "21"),
        customers=1500,
        sources={"voice": "pbx-sao-paulo-1", "chat": "web-chat", "email": "mail-gateway"},
        agents_source="pbx-sao-paulo-1",
    ),
)

_QUEUES: Final = (
    SimulatedQueue(
        queue="sac-cartoes",
        site="fortaleza",
        channel="voice",
        display_name="SAC Cartões",
        group="cards",
        contacts=760,
        answer_target_seconds=45,
        max_wait_seconds=45,
        calls_back=CALLBACK_QUEUE,
        handling_seconds=200,
        patience_seconds=110,
        overflows_to="sac-banco",
        overflow_seconds=75,
        timeout_seconds=300,
        transfers={"sac-banco": 0.04},
        alternative="sac-whatsapp",
        lost_exits=6,
        demands={"complaint": 0.08, "undue_charge": 0.05, "request": 0.05},
        sector="card",
    ),
    SimulatedQueue(
        queue="sac-banco",
        site="fortaleza",
        channel="voice",
        display_name="SAC Banco",
        group="bank",
        contacts=620,
        answer_target_seconds=45,
        max_wait_seconds=45,
        formula="excluding_short_abandons",
        calls_back=CALLBACK_QUEUE,
        handling_seconds=230,
        patience_seconds=120,
        timeout_seconds=240,
        transfers={"sac-cartoes": 0.05},
        alternative="sac-whatsapp",
        lost_exits=6,
        demands={"complaint": 0.06, "ombudsman": 0.02, "request": 0.05},
        sector="bank",
    ),
    SimulatedQueue(
        queue="sac-telecom",
        site="sao-paulo",
        channel="voice",
        display_name="SAC Telecom",
        group="telecom",
        contacts=560,
        opens_hour=6,
        closes_hour=22,
        answer_target_seconds=30,
        max_wait_seconds=60,
        calls_back=CALLBACK_QUEUE,
        handling_seconds=240,
        patience_seconds=150,
        timeout_seconds=140,
        transfers={"cancelamento": 0.1},
        lost_exits=6,
        cut_off=0.02,
        demands={"complaint": 0.08, "request": 0.06},
        sector="telecom",
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
        cut_off=0.03,
        demands={"cancellation": 0.6},
        sector="telecom",
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
        bot_solves=0.12,
        demands={"complaint": 0.04, "request": 0.05},
        sector="card",
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
        bot_solves=0.12,
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

SAC: Final = Centre(tenant=TENANT, sites=SITES, queues=_QUEUES, teams=TEAMS, dialer_lines=4)
QUEUES: Final[Mapping[str, SimulatedQueue]] = SAC.queue_named


def sections() -> dict[str, Any]:
    """Sites, sources, queues and callback queues of the built-in centre as the configuration file has them."""
    return SAC.sections()
