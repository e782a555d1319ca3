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

Steps = tuple[tuple[float | None, str], ...]
"""From which value on a colour holds, rising; None: from the lowest."""

NO_LIMIT: Final[Steps] = ((None, NEUTRAL),)
UP: Final[Steps] = ((None, ACT), (1, OK))
RECOVERING: Final[Steps] = ((None, OK), (1, ATTENTION))
DELAY_SECONDS: Final[Steps] = ((None, OK), (5, ATTENTION), (30, ACT))
REJECTED_EVENTS: Final[Steps] = ((None, OK), (1, ATTENTION))
LAG_MESSAGES: Final[Steps] = ((None, OK), (1000, ATTENTION))
RECOVERY_SECONDS: Final[Steps] = ((None, OK), (300, ATTENTION))
SCRAPE_SECONDS: Final[Steps] = ((None, OK), (1, ATTENTION), (5, ACT))

COUNT: Final = Unit("none", 0)
PER_SECOND: Final = Unit("suffix:/s", 1)
SECONDS: Final = Unit("suffix:s", 2)
"""Always seconds: Grafana's own unit for them turns 95 into "1.58 mins"."""
