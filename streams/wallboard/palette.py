"""The colours of every Filaviva wall. Never alone: a word or a number beside them says the same.

Always as a background with the text colour that is legible on it, because nobody knows a terminal's own background.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streams.wallboard.figures import State

OK: Final = "#FFFFFF on #1565C0"
ATTENTION: Final = "#000000 on #FFC107"
ACT: Final = "bold #FFFFFF on #C62828"
BLIND: Final = "#FFFFFF on #7B1FA2"
PLAIN: Final = ""
TITLE: Final = "bold"
NOTABLE: Final = "bold"
"""Of a figure of the day that calls for attention: in colour it would compete with what happens now."""
QUIET: Final = "dim"

OF_STATE: Final[Mapping[State, str]] = {
    State.OVER: ACT,
    State.NEAR: ATTENTION,
    State.OK: OK,
    State.STALE: BLIND,
    State.MISSING: BLIND,
}
