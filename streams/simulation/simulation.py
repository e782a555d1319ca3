"""A contact centre that lives: built from a centre, a seed and a start, it tells what happens as time goes on.

The same centre, seed, start and incidents give the same events, in however many steps. Waits are not drawn: contacts
come by weekday and hour, agents are there or not, and the rest comes about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import partial
from random import Random
from typing import Any, Final

from streams.simulation.callbacks import ImitatedPlans
from streams.simulation.cases import CaseDesk
from streams.simulation.clockwork import (
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    Clockwork,
    local_date,
    midnight_ms,
    milliseconds,
    start_of,
)
from streams.simulation.dialer import Dialer, DialJob, job_of
from streams.simulation.floor import Floor
from streams.simulation.incidents import AgentsLeave, Flood, Incident, SilentSource, instant_of
from streams.simulation.layout import Centre, Site
from streams.simulation.service import Service
from streams.simulation.telling import Event, Silence, Telling
from streams.simulation.traffic import Traffic
from streams.simulation.waiting import Waiting

HEARTBEAT_MS: Final = 30 * SECOND_MS
MENU_MS: Final = HOUR_MS
FIRST_MENU: Final = ("complaint", "cancellation", "human", "information")


class Simulation:
    """``advance`` as far as wanted, as often as wanted.

    A start in the middle of a day finds the centre at work: the day is lived from its midnight, but told from the start
    on, and of contacts that came before nothing is told.
    """

    def __init__(
        self,
        centre: Centre,
        seed: int,
        start: date | datetime,
        incidents: Iterable[Incident] = (),
        *,
        imitates_plans: bool = True,
    ) -> None:
        """A date starts at midnight, a moment without an offset is meant on the clock of the centre's first site.

        ``imitates_plans``: whoever is lost is called back as the product would have it. Without, the dialer only works
        the jobs it is given by ``dial``.
        """
        self.centre = centre
        self.start = start_of(start, centre.sites[0].zone)
        self.start_ms = milliseconds(self.start)
        self._incidents = tuple(incidents)
        self._clockwork = Clockwork(min(self._midnight_ms(site.zone) for site in centre.sites))
        self._telling = Telling(
            centre,
            self._clockwork,
            from_ms=self.start_ms,
            run=f"{self.start:%Y%m%d-%H%M}-{seed}",
            silences=[self._silence(each) for each in self._incidents if isinstance(each, SilentSource)],
        )
        random = Random(seed)
        self._dialer = Dialer(
            self._clockwork, random, lines=centre.dialer_lines, connect=self._connect, report=self._report
        )
        self._plans = ImitatedPlans(centre.tenant, self._clockwork, self._dialer) if imitates_plans else None
        self._open(random, Random(f"{seed} cases"))

    @property
    def now_ms(self) -> int:
        """How far it has come; milliseconds since the epoch."""
        return max(self._clockwork.now_ms, self.start_ms)

    def advance(self, until_ms: int) -> list[Event]:
        """Live on to an instant: what is told before it and was not told yet, as CloudEvents in structured form.

        In order of their times, but for the events of a source that was silent, which come when it speaks again.
        """
        self._clockwork.run(until_ms)
        return self._telling.told(until_ms)

    def dial(self, event: Mapping[str, Any]) -> None:
        """Give the dialer a job or a cancellation, a CloudEvent as it stands on ``callback-jobs``.

        Jobs for callback queues that are not in this centre are somebody else's. Raises KeyError or ValueError when it
        is not whole.
        """
        if event["data"]["callback_queue"] in self.centre.queue_named:
            self._dialer.take(event)

    def picked_up(self, event: Mapping[str, Any]) -> None:
        """Another dialer has reached the customer of a job, a CloudEvent ``callback.dial``: now they are in the
        callback queue. Jobs for callback queues that are not in this centre are somebody else's.

        Raises KeyError or ValueError when it is not whole.
        """
        if event["data"]["callback_queue"] in self.centre.queue_named:
            self._connect(job_of(event["data"]))

    # -- putting it together ------------------------------------------------------------------------------------------

    def _open(self, random: Random, of_cases: Random) -> None:
        centre, clockwork, telling = self.centre, self._clockwork, self._telling
        self._waiting = Waiting(centre, random, clockwork, telling=telling, plans=self._plans)
        desk = CaseDesk(of_cases, clockwork, telling)
        service = Service(centre, random, clockwork, waiting=self._waiting, telling=telling, desk=desk)
        self._floor = Floor(centre.teams, clockwork, tell=telling.agent, serve=service.take)
        self._waiting.floor = self._floor
        self._traffic = Traffic(centre, random, clockwork, floor=self._floor, waiting=self._waiting)
        self._traffic.begin(self.start_ms)
        clockwork.at(self.start_ms, self._floor.tell_everybody)
        for incident in self._incidents:
            clockwork.at(self._instant_ms(incident), partial(self._happen, incident))
        sources = list(centre.sources())
        for number, (source, site) in enumerate(sources):
            first_ms = self.start_ms + number * HEARTBEAT_MS // len(sources)
            clockwork.at(first_ms, partial(self._beat, source, site.site))
        for site in centre.sites:
            clockwork.at(self.start_ms, partial(self._say_what_is_there, site))

    def _midnight_ms(self, zone: str) -> int:
        return midnight_ms(local_date(self.start_ms, zone), zone)

    def _instant_ms(self, incident: Incident) -> int:
        return milliseconds(instant_of(incident.at, self.start))

    def _silence(self, incident: SilentSource) -> Silence:
        from_ms = self._instant_ms(incident)
        return Silence(incident.source, from_ms, from_ms + round(incident.minutes * MINUTE_MS), incident.drops)

    # -- what happens -------------------------------------------------------------------------------------------------

    def _happen(self, incident: Incident) -> None:
        match incident:
            case AgentsLeave(queue=queue, team=team):
                self._floor.send_away(self._floor.agents_of(queue=queue, team=team), incident.minutes)
            case Flood(queue=queue, contacts=contacts):
                self._traffic.flood(self.centre.queue_named[queue], incident.minutes, contacts)
            case SilentSource():
                pass  # the centre goes on; only what is told of it changes

    def _beat(self, source: str, site: str) -> None:
        self._telling.heartbeat(source, site)
        self._clockwork.at(self._clockwork.now_ms + HEARTBEAT_MS, partial(self._beat, source, site))

    def _say_what_is_there(self, site: Site) -> None:
        """The channels are up and people are on the telephone; which menu callers hear is told again and again."""
        for channel in self.centre.channels_of(site):
            self._telling.site("channel.up", site.sources[channel], site.site, channel=channel)
        if "voice" in self.centre.channels_of(site):
            self._telling.site("human_voice.open", site.sources["voice"], site.site)
            self._say_menu(site)

    def _say_menu(self, site: Site) -> None:
        self._telling.site(
            "ivr.menu_presented", site.sources["voice"], site.site, menu="main", level=1, options=list(FIRST_MENU)
        )
        self._clockwork.at(self._clockwork.now_ms + MENU_MS, partial(self._say_menu, site))

    def _connect(self, job: DialJob) -> None:
        customer = self._traffic.customer_at(job.address)
        self._waiting.connect(self.centre.queue_named[job.callback_queue], customer, job.job_id)

    def _report(self, job: DialJob, outcome: str, seconds: float) -> None:
        self._telling.attempted(job, outcome, seconds)
        if self._plans:
            self._plans.attempted(job, outcome)
