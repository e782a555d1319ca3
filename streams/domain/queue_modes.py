"""What operators want of a callback queue: call, call no more, or call only whoever is ready by now."""

from __future__ import annotations

from typing import Final

from streams.domain.dialling_rows import ACTIVE, DRAINING, PAUSED, Mode
from streams.domain.events import CommandEvent, DrainQueue, PauseQueue, QueueCommand
from streams.domain.plans import NEVER_MS
from streams.domain.rows import Rows

_MODES: Final[dict[type[QueueCommand], str]] = {PauseQueue: PAUSED, DrainQueue: DRAINING}


class QueueModes:
    """By owner key of the callback queue. ``rows`` is the table of the partition."""

    def __init__(self) -> None:
        self.rows = Rows(b"q/", Mode)

    def take(self, event: CommandEvent, data: QueueCommand) -> str | None:
        """The mode that was commanded, None for a repeat. The command of the latest time stands."""
        mode = _MODES.get(type(data), ACTIVE)
        wanted = Mode(mode, event.time_ms, f"{event.source}/{event.event_id}")
        key = f"{data.tenant}/{data.callback_queue}"
        known = self.rows.get(key)
        if known == wanted:
            return None
        if known is None or (known.at_ms, known.command_id) < (wanted.at_ms, wanted.command_id):
            self.rows.put(key, wanted)
        return mode

    def is_paused(self, owner_key: str) -> bool:
        mode = self.rows.get(owner_key)
        return mode is not None and mode.mode == PAUSED

    def latest_ms(self, owner_key: str) -> int:
        """Until when whoever is to be called had to be ready."""
        mode = self.rows.get(owner_key)
        return mode.at_ms if mode is not None and mode.mode == DRAINING else NEVER_MS
