"""``python -m dashboards.preview PROMETHEUS``: a dashboard drawn from real data with Grafana's own components.

Needs Node and Chromium; the components come with ``npm ci`` in this folder. See README.md beside this file.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Final

import click

from dashboards.build import GENERATED

HERE: Final = Path(__file__).parent
CHROMIUM: Final = ("chromium", "chromium-browser", "google-chrome")
ANSWER_SECONDS: Final = 30
DRAW_MS: Final = 15_000
CHOICES: Final = {"site": ".*", "queue": ".*", "job": ".*", "instance": ".*", "topic": ".*", "__rate_interval": "30s"}


@click.command()
@click.argument("prometheus")
@click.option("--uid", default="filaviva-wall", show_default=True, help="Which dashboard.")
@click.option("--lang", default="pt-BR", show_default=True, help="pt-BR or en.")
@click.option("--mode", type=click.Choice(["dark", "light"]), default="dark", show_default=True)
@click.option("--tenant", default="acme", show_default=True)
@click.option("--seconds", default=900, show_default=True, help="How long a time the charts show.")
@click.option("--height", default=1080, show_default=True, help="Of the picture; a desk scrolls, a wall does not.")
@click.option("--output", type=click.Path(path_type=Path), default=Path("preview.png"), show_default=True)
def main(prometheus: str, uid: str, output: Path, height: int, **how: Any) -> None:
    """Draw a dashboard as PROMETHEUS (http://127.0.0.1:9090) has it now into a picture 1920 pixels wide."""
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if browser is None or not (HERE / "node_modules").is_dir():
        raise click.ClickException("this needs Chromium, and `npm ci` in dashboards/preview")
    board = json.loads((GENERATED / how["lang"] / f"{uid}.json").read_text(encoding="utf-8"))
    payload = _payload(prometheus.rstrip("/"), board, {**CHOICES, "tenant": how["tenant"]}, how["seconds"])
    (HERE / "payload.json").write_text(json.dumps({**payload, "mode": how["mode"]}))
    _run(str(HERE / "node_modules" / ".bin" / "esbuild"), *_bundling())
    flags = ["--headless", "--no-sandbox", "--hide-scrollbars", f"--virtual-time-budget={DRAW_MS}"]
    picture = [f"--window-size=1920,{height}", f"--screenshot={output.resolve()}"]
    _run(browser, *flags, *picture, (HERE / "page.html").as_uri())
    click.echo(f"written: {output}")


def _payload(prometheus: str, board: dict[str, Any], choices: dict[str, str], seconds: int) -> dict[str, Any]:
    now = time.time()
    answers = {
        panel["id"]: {
            target["refId"]: _ask(prometheus, target, choices, (now - seconds, now)) for target in panel["targets"]
        }
        for panel in board["panels"]
        if "targets" in panel
    }
    return {"board": board, "answers": answers, "now": now, "seconds": seconds, "zone": "America/Sao_Paulo"}


def _ask(prometheus: str, target: dict[str, Any], choices: dict[str, str], span: tuple[float, float]) -> Any:
    promql = re.sub(r"\$(\w+)", lambda found: choices[found[1]], target["expr"])
    start, end = span
    if target.get("instant"):
        path, query = "query", {"query": promql, "time": end}
    else:
        path, query = "query_range", {"query": promql, "start": start, "end": end, "step": 5}
    url = f"{prometheus}/api/v1/{path}?{urllib.parse.urlencode(query)}"
    with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:  # noqa: S310 - the reader's own Prometheus
        return json.load(answer)["data"]["result"]


def _bundling() -> list[str]:
    return [
        str(HERE / "preview.jsx"),
        "--bundle",
        "--log-level=error",
        f"--outfile={HERE / 'bundle.js'}",
        '--define:process.env.NODE_ENV="production"',
        "--define:global=window",
        *(f"--loader:.{kind}=dataurl" for kind in ("svg", "png", "woff", "woff2", "ttf")),
    ]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own commands
    if done.returncode:
        raise click.ClickException(f"{command[0]} ended with {done.returncode}:\n{done.stderr[-3000:]}")


if __name__ == "__main__":
    main()
