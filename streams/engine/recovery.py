"""Faust's recovery, held to one assignment: what a rebalance has overtaken neither completes nor leaves a trace.

When a rebalance cuts a recovery short, Faust can still declare it complete afterwards, for the new assignment, of which
nothing was read yet; and offsets that late changelog events leave behind make the next one begin in the middle. The
first ended workers one after the other in a storm of rebalances, as owners refuse to begin with less than the changelog
holds; the second would be state lost in silence.
"""

from __future__ import annotations

import logging
from typing import Any, cast

from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import Recovery as FaustRecovery
from faust.types import TP

from streams.engine.changelog import ChangelogStore

logger = logging.getLogger(__name__)


class Recovery(FaustRecovery):
    """Begins every assignment from nothing, and completes only the newest."""

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        await super().on_rebalance(assigned, revoked, newly_assigned, generation_id)
        self.tables.changelog_queue.clear()
        self.buffers.clear()
        self.active_highwaters.clear()
        for tp in self.active_tps:
            self.active_offsets[tp] = None  # as Faust has it where nothing is known
        for table in self.tables.values():
            cast(ChangelogStore, cast(Any, table)._data).forget()

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        if self._is_overtaken(generation_id):
            logger.info("recovery of generation %d was overtaken by a rebalance", generation_id)
            return
        await super().on_recovery_completed(generation_id)

    def _is_overtaken(self, generation_id: int) -> bool:
        newest: int = cast(Any, self.app).consumer_generation_id
        return self.signal_recovery_start.is_set() or generation_id != newest


class TableManager(FaustTableManager):
    """Faust's, with our recovery."""

    _recovery: Recovery | None

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
