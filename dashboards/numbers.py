"""The numbers that a wall and a desk share, each with its limit in the title: a colour is never alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from dashboards import queries, theme
from dashboards.panels import Name, Panel, tile
from dashboards.theme import Text

ANY_SIZE: Final = (4, 8)


def sized(
    title: Text,
    description: Text,
    promql: str | Mapping[Name, str],
    look: tuple[theme.Steps, theme.Unit],
    size: tuple[int, int] = ANY_SIZE,
) -> Panel:
    """A tile of another unit than whole numbers."""
    thresholds, unit = look
    return replace(tile(title, description, promql, thresholds, size), unit=unit)


WAITING: Final = tile(
    Text("Esperando agora", "Waiting now"),
    Text(
        "Contatos na fila neste instante. Não inclui filas sem dados ao vivo.",
        "Contacts in the queues at this instant. Queues without live data are not in it.",
    ),
    {Text("esperando", "waiting"): queries.WAITING},
    theme.NO_LIMIT,
    ANY_SIZE,
)
LONGEST_WAIT: Final = replace(
    sized(
        Text("Maior espera agora (exceto e-mail)", "Longest wait now (without e-mail)"),
        Text(
            "De quem espera há mais tempo, nos canais ao vivo. Perto: mais de 80 % do próprio limite."
            " Estourou: mais que o limite.",
            "Of who has waited longest, on live channels. Near: more than 80 % of its own limit."
            " Over: more than the limit.",
        ),
        {
            Text("maior espera: no limite", "longest wait: within limit"): queries.longest_wait_seconds("< 0.8"),
            Text("maior espera: quase no limite", "longest wait: near limit"): queries.longest_wait_seconds(
                ">= 0.8 <= 1"
            ),
            Text("maior espera: ESTOUROU", "longest wait: OVER LIMIT"): queries.longest_wait_seconds("> 1"),
        },
        (theme.NO_LIMIT, theme.WAIT),
    ),
    colours=(theme.OK, theme.ATTENTION, theme.ACT),
)
SERVICE_LEVEL: Final = sized(
    Text("Nível de serviço hoje (meta: 80 %)", "Service level today (goal: 80 %)"),
    Text(
        "Pela fórmula de cada fila, somadas: numeradores sobre denominadores. As fórmulas estão em Conformidade.",
        "By each queue's own formula, added up: numerators over denominators. The formulas are in Compliance.",
    ),
    {Text("no prazo hoje", "in target today"): queries.SERVICE_LEVEL_TODAY},
    (theme.SERVICE_LEVEL, theme.SHARE),
)
ABANDONMENT: Final = sized(
    Text("Abandono hoje (máximo: 10 %)", "Abandonment today (at most 10 %)"),
    Text(
        "Abandonados sobre abandonados e atendidos, curtos incluídos.",
        "Abandoned over abandoned and answered, short ones included.",
    ),
    {Text("desistiram hoje", "gave up today"): queries.ABANDONMENT_TODAY},
    (theme.ABANDONMENT, theme.SHARE),
)
FREE_AGENTS: Final = tile(
    Text("Atendentes livres (mínimo: 3)", "Agents free (at least 3)"),
    Text(
        "Cada atendente conta uma vez. Sem dados: não se sabe quem está livre.",
        "Each agent counts once. No data: nobody knows who is free.",
    ),
    {Text("livres", "free"): queries.FREE_AGENTS},
    theme.FREE_AGENTS,
    ANY_SIZE,
)
