"""A big centre, generated: as many queues and agents as wanted, at four sites, with a Monday of about a million events
for 40 queues and 800 agents. Nothing in it is drawn by chance."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from streams.simulation.layout import ALL_DAY, EVENING, Centre, SimulatedQueue, Site, Team

TENANT: Final = "acme"
CUSTOMERS: Final = 20_000
CONTACTS_PER_AGENT: Final = 133
"""What an agent gets done in a shift, about: there are as many contacts as the agents can just bear."""
HANDLING_SECONDS: Final = 70.0
SHIFTS: Final = {0: 0.03, 6: 0.12, 8: 0.25, 9: 0.15, 12: 0.1, 14: 0.22, 17: 0.08, 18: 0.05}
"""Hour of the start to the share of a team's agents who come then."""
_SITES: Final = (
    ("fortaleza", "Fortaleza", "America/Fortaleza", ("85", "88")),
    ("sao-paulo", "São Paulo", "America/Sao_Paulo", ("11", "19")),
    ("recife", "Recife", "America/Recife", ("81", "87")),
    ("salvador", "Salvador", "America/Bahia", ("71", "75")),
)
_GROUPS: Final = ("cartoes", "banco", "telecom", "seguros", "energia", "varejo")
FEWEST_QUEUES: Final = 8


def large_centre(queues: int = 40, agents: int = 800) -> Centre:
    """Every fourth queue of a site is written (chat or WhatsApp), and each site has a callback queue of its own.

    Raises ValueError for fewer than 8 queues or fewer agents than queues.
    """
    if queues < FEWEST_QUEUES or agents < queues:
        raise ValueError(f"expected at least {FEWEST_QUEUES} queues and an agent for each")
    callback_queues = [_callback_queue(site) for site, *_ in _SITES]
    served = [_queue(number) for number in range(queues - len(callback_queues))]
    teams = [_team(number, queue, served, agents) for number, queue in enumerate(served)]
    contacts = {team.queues[-1]: CONTACTS_PER_AGENT * sum(count for _, count in team.shifts) for team in teams}
    return Centre(
        tenant=TENANT,
        sites=tuple(_site(*each) for each in _SITES),
        queues=(*(_linked(queue, contacts[queue.queue], served) for queue in served), *callback_queues),
        teams=tuple(teams),
        dialer_lines=60,
    )


def _site(site: str, display_name: str, zone: str, area_codes: tuple[str, ...]) -> Site:
    voice = f"pbx-{site}"
    return Site(
        site=site,
        display_name=display_name,
        zone=zone,
        area_codes=area_codes,
        customers=CUSTOMERS,
        sources={"voice": voice, "chat": f"chat-{site}", "whatsapp": f"messaging-{site}"},
        agents_source=voice,
    )


def _queue(number: int) -> SimulatedQueue:
    site, display_name, *_ = _SITES[number % len(_SITES)]
    of_site = number // len(_SITES)
    group = _GROUPS[of_site % len(_GROUPS)]
    channel = "voice" if of_site % 4 != 3 else ("chat", "whatsapp")[of_site // 4 % 2]
    is_voice = channel == "voice"
    return SimulatedQueue(
        queue=f"{group}-{site}-{of_site + 1:02d}",
        site=site,
        channel=channel,
        display_name=f"{group.capitalize()} {display_name} {of_site + 1}",
        group=group,
        contacts=0,  # follows from the agents
        by_hour=ALL_DAY if is_voice else EVENING,
        answer_target_seconds=45 if is_voice else 90,
        max_wait_seconds=60 if is_voice else 300,
        handling_seconds=HANDLING_SECONDS,
        patience_seconds=120 if is_voice else 400,
        calls_back=f"retorno-{site}" if is_voice else None,
        key_exits=0.02,
        bot_solves=None if is_voice else 0.2,
        timeout_seconds=300 if is_voice else 900,
    )


def _linked(queue: SimulatedQueue, contacts: int, served: list[SimulatedQueue]) -> SimulatedQueue:
    """With its contacts; voice queues pass some on to another one of their site, and overflow there."""
    others = [each.queue for each in served if each.site == queue.site and each.channel == "voice" and each != queue]
    if queue.channel != "voice" or not others:
        return replace(queue, contacts=contacts)
    other = others[0]
    return replace(queue, contacts=contacts, transfers={other: 0.01}, overflows_to=other, overflow_seconds=150)


def _callback_queue(site: str) -> SimulatedQueue:
    return SimulatedQueue(
        queue=f"retorno-{site}",
        site=site,
        channel="voice",
        display_name=f"Retorno {site.capitalize()}",
        group="callbacks",
        contacts=0,
        answer_target_seconds=10,
        max_wait_seconds=30,
        short_abandon_seconds=2,
        handling_seconds=HANDLING_SECONDS,
        patience_seconds=40,
        timeout_seconds=120,
    )


def _team(number: int, queue: SimulatedQueue, served: list[SimulatedQueue], agents: int) -> Team:
    """The agents of one queue; those of voice call back too."""
    first, last = agents * number // len(served), agents * (number + 1) // len(served)
    queues = (queue.calls_back, queue.queue) if queue.calls_back else (queue.queue,)
    return Team(name=f"t-{queue.queue}", site=queue.site, queues=queues, shifts=_shifts(last - first))


def _shifts(agents: int) -> tuple[tuple[int, int], ...]:
    """So many agents spread over the day's shifts, none lost to rounding."""
    shifts, share, placed = [], 0.0, 0
    for hour, part in SHIFTS.items():
        share += part
        count = round(agents * share) - placed
        placed += count
        shifts.append((hour, count))
    return tuple((hour, count) for hour, count in shifts if count)
