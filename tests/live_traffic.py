"""A contact centre on a leash: steady traffic that keeps every promise, until it is told what goes wrong.

What it has told is the truth that dashboards are compared with. Everything is live: times are those of the wall clock.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from typing import Any, Self

from streams.connections import librdkafka_options
from streams.publisher import Publisher
from streams.routing import Route, route
from streams.settings_sections import Kafka

TENANT = "acme"
STEP_SECONDS = 0.5
AGENTS_PER_QUEUE = 2
SILENCE_SECONDS = 6
SITE_OF = {"sac": "fortaleza", "banco": "fortaleza", "perda": "fortaleza", "vendas": "recife", "retorno": "fortaleza"}
"""Queue to site."""
BUSY = ("sac", "banco", "perda", "vendas")
"""Queues with traffic."""
MAX_WAIT_SECONDS = {"sac": 10, "banco": 10}


def document() -> dict[str, Any]:
    """The configuration without broker and worker: one source per site, four queues and a callback queue."""
    sites = sorted(set(SITE_OF.values()))
    silence = {"tenant": TENANT, "expected_silence_seconds": SILENCE_SECONDS, "channels": ["voice"]}
    queues = [
        {
            "tenant": TENANT,
            "site": site,
            "queue": queue,
            "channels": ["voice"],
            "display_name": f"Fila {queue}",
            "answer_target_seconds": 5,
            "max_wait_seconds": MAX_WAIT_SECONDS.get(queue, 3600),
            "short_abandon_seconds": 1,
            **({"callback": {"queue": "retorno"}} if queue == "sac" else {}),
        }
        for queue, site in SITE_OF.items()
    ]
    held = {"tenant": TENANT, "policies": ["br-availability@2026.11.0"], "channels": ["voice"]}
    return {
        "availability": [{**held, "site": site} for site in sites],
        "privacy": {"tenants": {TENANT: {"token_key_env": "LIVE_TOKEN_KEY", "seal_key_env": "LIVE_SEAL_KEY"}}},
        "sites": [{"tenant": TENANT, "site": site, "zone": "America/Fortaleza"} for site in sites],
        "sources": [{**silence, "site": site, "source": f"pbx-{site}"} for site in sites],
        "queues": queues,
        "callback_queues": [
            {
                "tenant": TENANT,
                "site": "fortaleza",
                "queue": "retorno",
                # At every hour of every day, so that what is shown does not depend on when the tests run.
                "hours": dict.fromkeys(("weekdays", "saturday", "asked"), "00:00-24:00"),
            }
        ],
        "cases": [{"tenant": TENANT, "policies": ["br-cases@2026.11.0"]}],
    }


SECRETS = {"LIVE_TOKEN_KEY": "11" * 32, "LIVE_SEAL_KEY": "22" * 32}


class LiveTraffic:
    """From construction to `close` a thread offers one contact a step to every busy queue and answers it at once.

    `outcomes` counts by (queue, outcome) what has left, `offered` by queue; both of what is told.
    """

    def __init__(self, bootstrap: str, prefix: str) -> None:
        kafka = Kafka(brokers=(bootstrap,))
        self._publisher = Publisher([bootstrap], prefix, librdkafka_options(kafka))
        self._lock = threading.Lock()
        self._contacts = 0
        self.offered: Counter[str] = Counter()
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self._waiting: dict[str, list[tuple[str, float]]] = {queue: [] for queue in BUSY}
        self._unanswered: set[str] = set()
        self._resting: set[str] = set()
        self._silent: set[str] = set()
        self._away: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    # -- what goes wrong ----------------------------------------------------------------------------------------------

    def leave_waiting(self, *queues: str, contacts: int = 3) -> float:
        """Offer some contacts to each at once, answer nobody there; returns when (Unix time)."""
        with self._lock:
            self._unanswered |= set(queues)
            now = time.time()
            for queue in queues:
                for _ in range(contacts):
                    self._offer(queue, now)
            return now

    def answer_again(self, *queues: str) -> None:
        """Whoever waits there is answered in the next step; one of them gives up first, another asks to be called."""
        with self._lock:
            for queue in queues:
                for how in ("abandoned", "callback_requested"):
                    if self._waiting[queue]:
                        self._leave(queue, how)
            self._unanswered -= set(queues)

    def forget_a_case(self) -> None:
        """A customer complained a month ago and was never answered."""
        long_ago = time.time() - 30 * 86_400
        data = {"case_id": f"case-{long_ago:.0f}", "channel": "voice"}
        with self._lock:
            self._tell("case.registered", data["case_id"], "fortaleza", data, long_ago)

    def agents_go(self, *queues: str) -> None:
        with self._lock:
            self._away |= set(queues)

    def agents_return(self, *queues: str) -> None:
        with self._lock:
            self._away -= set(queues)

    def fall_silent(self, site: str) -> None:
        """Nothing more is told of the site; nothing happens there meanwhile."""
        with self._lock:
            self._silent.add(site)

    def speak_again(self, site: str) -> None:
        with self._lock:
            self._silent.discard(site)

    def rest(self) -> None:
        """Nobody new comes; heartbeats and agents go on. Everybody who waits is answered."""
        with self._lock:
            self._resting = set(BUSY)
            self._unanswered.clear()

    def waiting(self, queue: str) -> int:
        with self._lock:
            return len(self._waiting[queue])

    # -- what is told -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        for site in sorted(set(SITE_OF.values())):
            self._tell("channel.up", f"up-{site}-{time.time_ns()}", site, {"channel": "voice"})
            self._tell("human_voice.open", f"open-{site}-{time.time_ns()}", site, {})
        while not self._ended.wait(STEP_SECONDS):
            with self._lock:
                self._step()

    def _step(self) -> None:
        for site in sorted(set(SITE_OF.values()) - self._silent):
            self._tell("source.heartbeat", f"beat-{site}-{time.time_ns()}", site, {})
        for queue, site in SITE_OF.items():
            if site in self._silent:
                continue
            self._tell_agents(queue, site)
            if queue in BUSY:
                self._serve(queue)

    def _tell_agents(self, queue: str, site: str) -> None:
        state = "offline" if queue in self._away else "available"
        for number in range(AGENTS_PER_QUEUE):
            agent = f"{queue}-{number}"
            data = {"agent_id": agent, "state": state, "queues": [queue]}
            self._tell("agent.state", f"{agent}-{time.time_ns()}", site, data)

    def _serve(self, queue: str) -> None:
        if queue not in self._unanswered:
            while self._waiting[queue]:
                self._leave(queue, "answered")
        if queue not in self._resting and queue not in self._unanswered:
            self._offer(queue, time.time())

    def _offer(self, queue: str, now: float) -> None:
        self._contacts += 1
        contact = f"{now:.0f}-{self._contacts}"
        self._waiting[queue].append((contact, now))
        self.offered[queue] += 1
        customer = {"address": f"+55859{self._contacts % 100_000_000:08d}"}
        self._of_contact("offered", queue, contact, now, customer=customer)

    def _leave(self, queue: str, how: str) -> None:
        contact, since = self._waiting[queue].pop(0)
        now = time.time()
        self._of_contact(how, queue, contact, now)
        self.outcomes[queue, outcome(how, now - since)] += 1
        if how == "answered":
            self._of_contact("ended", queue, contact, now + 0.001, talk_seconds=30.0, completed=True)
            self._of_contact("wrapped_up", queue, contact, now + 0.002, wrap_up_seconds=5.0)

    def _of_contact(self, kind: str, queue: str, contact: str, now: float, **more: Any) -> None:
        data = {"queue": queue, "channel": "voice", "contact_id": contact, **more}
        self._tell(f"contact.{kind}", f"{contact}/{kind}", SITE_OF[queue], data, now)

    def _tell(self, kind: str, event_id: str, site: str, data: dict[str, Any], now: float | None = None) -> None:
        event = {
            "specversion": "1.0",
            "id": event_id,
            "source": f"pbx-{site}",
            "type": kind,
            "time": datetime.fromtimestamp(now or time.time(), UTC).isoformat(timespec="milliseconds"),
            "data": {"tenant": TENANT, "site": site, **data},
        }
        target = route(event)
        assert isinstance(target, Route), target
        self._publisher.send(target, json.dumps(event).encode())

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._publisher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def outcome(how: str, waited_seconds: float) -> str:
    """By the limits of `document`: 5 s is in target, up to 1 s is a short abandon."""
    if how != "abandoned":
        kind = "answered" if how == "answered" else "callback"
        return f"{kind}_in_target" if waited_seconds <= 5 else f"{kind}_late"
    if waited_seconds <= 1:
        return "abandoned_short"
    return "abandoned_in_target" if waited_seconds <= 5 else "abandoned_late"
