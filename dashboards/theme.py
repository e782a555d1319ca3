"""What all dashboards share: languages, colours, thresholds, units."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Language(StrEnum):
    """The values are the folders of the generated files."""

    PORTUGUESE = "pt-BR"
    ENGLISH = "en"


class Text(NamedTuple):
    """One text for people, in every language."""

    portuguese: str
    english: str

    def to(self, language: Language) -> str:
        return self.portuguese if language is Language.PORTUGUESE else self.english


class Unit(NamedTuple):
    """Grafana's name of a unit, and the decimals shown."""

    name: str
    decimals: int


# Far apart for every kind of colour vision, and legible under the text colour Grafana picks.
OK: Final = "#1565C0"
ATTENTION: Final = "#FFC107"
ACT: Final = "#C62828"
NEUTRAL: Final = "#263238"
STALE: Final = "#7B1FA2"
"""What is not known."""
UNKNOWN: Final = "transparent"
"""A cell of a table that has no value."""
TEXT_COLOURS: Final = ("#FFFFFF", "#000000")
"""Grafana writes on a coloured tile in the one of these that stands out more."""

Steps = tuple[tuple[float | None, str], ...]
"""From which value on a colour holds, rising; None: from the lowest."""

NO_LIMIT: Final[Steps] = ((None, NEUTRAL),)
NO_JUDGEMENT: Final[Steps] = ((None, OK),)
"""Bars that must stand out from a dark and from a light background, and mean neither good nor bad."""
UP: Final[Steps] = ((None, ACT), (1, OK))
RECOVERING: Final[Steps] = ((None, OK), (1, ATTENTION))
DELAY_SECONDS: Final[Steps] = ((None, OK), (5, ATTENTION), (30, ACT))
REJECTED_EVENTS: Final[Steps] = ((None, OK), (1, ATTENTION))
BEHIND_SECONDS: Final[Steps] = ((None, OK), (30, ATTENTION), (120, ACT))
LAG_MESSAGES: Final[Steps] = ((None, OK), (1000, ATTENTION))
RECOVERY_SECONDS: Final[Steps] = ((None, OK), (300, ATTENTION))
LIMIT_USED: Final[Steps] = ((None, OK), (0.8, ATTENTION), (1, ACT))
SERVICE_LEVEL: Final[Steps] = ((None, ACT), (0.75, ATTENTION), (0.8, OK))
ABANDONMENT: Final[Steps] = ((None, OK), (0.05, ATTENTION), (0.1, ACT))
FREE_AGENTS: Final[Steps] = ((None, ACT), (1, ATTENTION), (3, OK))
ANY_IS_TOO_MANY: Final[Steps] = ((None, OK), (1, ACT))
ANY_IS_UNKNOWN: Final[Steps] = ((None, OK), (1, STALE))
OVERDUE_SECONDS: Final[Steps] = ((None, OK), (300, ATTENTION), (900, ACT))
PENDING: Final[Steps] = ((None, NEUTRAL), (10, ATTENTION))
TARGET_DISTANCE: Final[Steps] = ((None, ACT), (-0.05, ATTENTION), (0, OK))
OPEN: Final[Steps] = ((None, NEUTRAL), (1, OK))
SCRAPE_SECONDS: Final[Steps] = ((None, OK), (1, ATTENTION), (5, ACT))

COUNT: Final = Unit("none", 0)
SHARE: Final = Unit("percentunit", 0)
WAIT: Final = Unit("dthms", 0)
"""00:01:35, whatever the length."""
PER_SECOND: Final = Unit("suffix:/s", 1)
SECONDS: Final = Unit("suffix:s", 2)
WHOLE_SECONDS: Final = Unit("suffix:s", 0)
"""Always seconds: Grafana's own unit for them turns 95 into "1.58 mins"."""
