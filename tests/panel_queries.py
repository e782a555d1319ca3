"""The queries of the generated dashboards as Grafana would send them, variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboards.build import GENERATED

CHOICES = {
    "tenant": "acme",
    "site": ".*",
    "queue": ".*",
    "job": "filaviva-stream",
    "instance": ".*",
    "topic": ".*",
    "__rate_interval": "30s",
}
_VARIABLE = re.compile(r"\$(\w+)")


@dataclass(frozen=True)
class Query:
    """One query of a panel. ``panel`` is the dashboard's uid and the panel's title."""

    panel: tuple[str, str]
    promql: str
    is_instant: bool


def filled_in(text: str) -> str:
    return _VARIABLE.sub(lambda found: CHOICES[found[1]], text)


def boards() -> list[Mapping[str, Any]]:
    """Those of one language: the other differs in texts only."""
    return [json.loads(file.read_text()) for file in sorted(GENERATED.glob("pt-BR/*.json"))]


def queries() -> Iterator[Query]:
    for board in boards():
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                yield Query((board["uid"], panel["title"]), filled_in(target["expr"]), bool(target.get("instant")))


def variables() -> Iterator[tuple[str, str, str]]:
    """Variable, label and selector of every ``label_values`` of the dashboards, each once."""
    seen = set()
    for board in boards():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query" and variable["query"] not in seen:
                seen.add(variable["query"])
                found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
                assert found, variable["query"]
                yield variable["name"], found[2], filled_in(found[1])
