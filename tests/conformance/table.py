"""The kit's table: scenarios x vendors, played as it is printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.conformance.kit import acts_told_otherwise, is_as_expected
from tests.conformance.players import PLAYERS
from tests.conformance.scenarios import SCENARIOS

README: Final = Path(__file__).with_name("README.md")
BEGIN: Final = "<!-- table: python -m tests.conformance --write -->"
END: Final = "<!-- end of the table -->"


def table() -> str:
    """Markdown. ``=``: every event and outcome as it should be. Numbers: what the notes say is told instead, exactly.
    ``WRONG``: neither."""
    numbers = {why: number for number, why in enumerate(_reasons(), start=1)}
    lines = [
        f"| scenario | {' | '.join(player.name for player in PLAYERS)} |",
        f"| --- |{' --- |' * len(PLAYERS)}",
    ]
    for scenario in SCENARIOS:
        cells = []
        for player in PLAYERS:
            whys = {player.instead[act].why: None for act in acts_told_otherwise(player, scenario)}
            cell = " ".join(f"({numbers[why]})" for why in whys) or "="
            cells.append(cell if is_as_expected(player, scenario) else "WRONG")
        lines.append(f"| {scenario.name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *(f"{number}. {why[:1].upper()}{why[1:]}." for why, number in numbers.items())])


def _reasons() -> Iterator[str]:
    """In the order in which the table needs them."""
    acts = (
        (player, act) for scenario in SCENARIOS for player in PLAYERS for act in acts_told_otherwise(player, scenario)
    )
    yield from dict.fromkeys(player.instead[act].why for player, act in acts)


def written(text: str, told: str) -> str:
    """The README with this table in it."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{told}\n\n{END}{after}"
