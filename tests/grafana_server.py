"""Grafana with the provisioned data source and dashboards, where one is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

import yaml

from dashboards.alerting import DEPLOY
from dashboards.build import GENERATED
from tests.leash import leash

HOMES = (Path("/usr/share/grafana"), Path("/opt/grafana"))
STOP_SECONDS = 20


def grafana_program() -> str | None:
    return shutil.which("grafana-server") or shutil.which("grafana")


class GrafanaServer:
    """Whoever opens it is a viewer; nothing is kept."""

    def __init__(self, folder: Path, port: int, *, prometheus: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        program = grafana_program()
        assert program, "no Grafana is installed"
        provisioning = folder / "grafana-provisioning"
        shutil.copytree(DEPLOY / "grafana" / "provisioning", provisioning)
        _point_at(provisioning / "datasources" / "filaviva.yml", prometheus)
        _read_from(provisioning / "dashboards" / "filaviva.yml", GENERATED / "pt-BR")
        settings = {
            "GF_PATHS_PROVISIONING": str(provisioning),
            "GF_PATHS_DATA": str(folder / "grafana-data"),
            "GF_PATHS_LOGS": str(folder / "grafana-logs"),
            "GF_SERVER_HTTP_ADDR": "127.0.0.1",
            "GF_SERVER_HTTP_PORT": str(port),
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
        }
        home = next((each for each in HOMES if each.is_dir()), None)
        command = [program, *(["server"] if Path(program).name == "grafana" else [])]
        with (folder / "grafana.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*leash(), *command, *([f"--homepath={home}"] if home else [])],
                env={**os.environ, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _point_at(file: Path, prometheus: str) -> None:
    whole = yaml.safe_load(file.read_text())
    whole["datasources"] = [
        {**each, "url": prometheus} for each in whole["datasources"] if each["type"] == "prometheus"
    ]
    file.write_text(yaml.safe_dump(whole))


def _read_from(file: Path, folder: Path) -> None:
    whole = yaml.safe_load(file.read_text())
    for provider in whole["providers"]:
        provider["options"]["path"] = str(folder)
    file.write_text(yaml.safe_dump(whole))
