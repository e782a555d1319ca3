"""An Asterisk of one's own: a manager interface over TCP, and a centre behind it that goes on whoever listens."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

QUEUES: Final = ("600", "601")
AGENTS: Final = ("Ana", "Rui", "Bia", "Leo")
_RESET: Final = struct.pack("ii", 1, 0)
"""Lingering for no time: what was not sent is thrown away, and the peer is reset."""


@dataclass
class Call:
    """A call in the queue ``queue``; ``in_dark`` while anything of it happened that nobody was there to hear."""

    call: str
    queue: str
    since: float
    in_dark: bool = False
    outcome: str = "waiting"
    agent: str = ""
    answered_at: float = 0.0


@dataclass
class ScriptedManager:
    """Serves one session at a time on loopback. What happens is drawn from the seed, one ``act`` at a time; the truth
    is in ``calls``."""

    seed: int
    calls: list[Call] = field(default_factory=list)
    touched: list[Call] = field(default_factory=list)
    """Of whom something was said since the last time that everything was heard: a broken connection may lose it."""
    sessions: int = 0
    lists: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._session: socket.socket | None = None
        self._lock = threading.Lock()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def waiting(self) -> set[tuple[str, str]]:
        with self._lock:
            return {(each.call, each.queue) for each in self.calls if each.outcome == "waiting"}

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # or the thread that accepts would keep it open
        self._accepting.join()
        self._listener.close()
        self.drop()

    # -- the interface ------------------------------------------------------------------------------------------------

    def _accept(self) -> None:
        while True:
            try:
                session, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(session,), daemon=True).start()

    def _serve(self, session: socket.socket) -> None:
        try:
            session.sendall(b"Asterisk Call Manager/9.0.0\r\n")
            for action in _actions(session):
                with self._lock:
                    self._answer(session, action)
        except OSError:
            pass
        finally:
            session.close()

    def _answer(self, session: socket.socket, action: dict[str, str]) -> None:
        match action.get("Action"):
            case "Login":
                is_known = action.get("Secret") == "right"
                session.sendall(_text({"Response": "Success" if is_known else "Error"}))
                if is_known:
                    self._session = session
                    self.sessions += 1
                    session.sendall(_text({"Event": "FullyBooted", "Uptime": "864000", "Status": "Fully Booted"}))
            case "QueueStatus":
                self.lists += 1
                for message in self._list():
                    session.sendall(_text(message | {"ActionID": action.get("ActionID", "")}))
            case "Ping":
                session.sendall(_text({"Response": "Success", "Ping": "Pong"}))

    def _list(self) -> Iterator[dict[str, str]]:
        yield {"Response": "Success", "EventList": "start"}
        talking = {each.agent for each in self.calls if each.outcome == "talking"}
        for queue in QUEUES:
            yield {"Event": "QueueParams", "Queue": queue, "Max": "0"}
            for agent in AGENTS:
                busy = str(int(agent in talking))
                yield {
                    "Event": "QueueMember",
                    "Queue": queue,
                    "Name": agent,
                    "Paused": "0",
                    "Status": "1",
                    "InCall": busy,
                }
            for each in self.calls:
                if each.queue == queue and each.outcome == "waiting":
                    wait = str(int(time.time() - each.since))
                    yield {"Event": "QueueEntry", "Queue": queue, "Uniqueid": each.call, "Position": "1", "Wait": wait}
        yield {"Event": "QueueStatusComplete", "EventList": "Complete"}

    def drop(self) -> None:
        """Break the connection in the middle of a message. What happens from now on nobody hears."""
        with self._lock:
            session, self._session = self._session, None
            if session is not None:
                half = _text({"Event": "QueueCallerJoin", "Queue": "600", "Uniqueid": "0.0"})[:41]
                try:
                    session.sendall(half)
                    session.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                    session.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                session.close()
            for each in self.calls:
                each.in_dark = each.in_dark or each.outcome in ("waiting", "talking") or each in self.touched
            self.touched.clear()

    def say(self, raw: bytes) -> None:
        """Whatever it is."""
        with self._lock:
            assert self._session is not None, "nobody is connected"
            self._session.sendall(raw)

    # -- the centre ---------------------------------------------------------------------------------------------------

    def act(self) -> None:
        """Something happens: a caller comes, leaves in some way, is answered, or a talk ends."""
        with self._lock:
            waiting = [each for each in self.calls if each.outcome == "waiting"]
            talking = [each for each in self.calls if each.outcome == "talking"]
            free = set(AGENTS) - {each.agent for each in talking}
            kind = self._chance.randrange(8)
            if kind < 3 or not waiting:
                self._enter()
            elif kind == 3 and free:
                self._connect(self._chance.choice(waiting), min(free))
            elif kind == 4 and talking:
                self._part(self._chance.choice(talking))
            else:
                self._leave(self._chance.choice(waiting), self._chance.choice(["hangs_up", "times_out", "presses"]))

    def _enter(self) -> None:
        call = Call(f"{int(time.time())}.{len(self.calls) + 1}", self._chance.choice(QUEUES), time.time())
        call.in_dark = self._session is None
        self.calls.append(call)
        self._say("QueueCallerJoin", call, CallerIDNum="85997465553", Position="1")

    def _connect(self, call: Call, agent: str) -> None:
        call.outcome, call.agent, call.answered_at = "talking", agent, time.time()
        self._say("QueueCallerLeave", call)
        self._say("AgentConnect", call, MemberName=agent, HoldTime=str(int(time.time() - call.since)))

    def _part(self, call: Call) -> None:
        call.outcome = "answered"
        held, talked = int(call.answered_at - call.since), int(time.time() - call.answered_at)
        fields = {"MemberName": call.agent, "HoldTime": str(held), "TalkTime": str(talked), "Reason": "caller"}
        self._say("AgentComplete", call, **fields)

    def _leave(self, call: Call, how: str) -> None:
        call.outcome = how
        if how != "presses":
            self._say("VarSet", call, Variable="ABANDONED", Value="TRUE")
            self._say("QueueCallerAbandon", call, HoldTime=str(int(time.time() - call.since)))
        self._say("QueueCallerLeave", call)
        match how:
            case "hangs_up":
                self._say("Hangup", call)
            case "times_out":
                self._say("VarSet", call, Variable="QUEUESTATUS", Value="TIMEOUT")
            case "presses":
                self._say("Newexten", call, Extension="2")

    def _say(self, event: str, call: Call, **fields: str) -> None:
        call.in_dark = call.in_dark or self._session is None
        self.touched.append(call)
        if self._session is not None:
            try:
                self._session.sendall(_text({"Event": event, "Queue": call.queue, "Uniqueid": call.call, **fields}))
            except OSError:
                self._session = None
                call.in_dark = True


def _text(message: dict[str, str]) -> bytes:
    return ("".join(f"{name}: {value}\r\n" for name, value in message.items()) + "\r\n").encode()


def _actions(session: socket.socket) -> Iterator[dict[str, str]]:
    action: dict[str, str] = {}
    with session.makefile("rb") as lines:
        for line in lines:
            name, colon, value = line.decode().strip().partition(":")
            if colon:
                action[name] = value.strip()
            else:
                yield action
                action = {}
