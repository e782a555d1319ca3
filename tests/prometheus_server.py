"""A real Prometheus and a real Alertmanager as child processes on loopback, with the shipped configuration."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml

from tests.deadlines import wait_until
from tests.leash import leash
from tests.prometheus_programs import program, start_folder

START_SECONDS = 60
STOP_SECONDS = 30
ANSWER_SECONDS = 20
LOG_TAIL_LINES = 40
Json = Any


class ServerProcess:
    """A program that serves HTTP on a loopback port and says at ``/-/ready`` when it does."""

    def __init__(self, name: str, folder: Path, port: int, options: Sequence[str]) -> None:
        self.name = name
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*leash(), program(name), *options],
                cwd=start_folder(folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            assert self._process.poll() is None, f"{self.name} has ended:\n{self.log_tail()}"
            return self.answers("/-/ready")

        wait_until(is_ready, f"{self.name} is ready", seconds=START_SECONDS)

    def answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(self.url + path, timeout=ANSWER_SECONDS):
                return True
        except OSError:
            return False

    def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Json:
        """The answer as JSON; an error of the server is the test's, in its own words."""
        url = f"{self.url}{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{urllib.parse.unquote_plus(url)}: {error.read().decode()}") from None

    def reload(self) -> None:
        """Read the configuration again."""
        with urllib.request.urlopen(f"{self.url}/-/reload", data=b"", timeout=ANSWER_SECONDS):
            pass

    def log_tail(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])

    def close(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        try:
            self.wait_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Alertmanager(ServerProcess):
    """``folder`` holds ``alertmanager.yml`` and its templates."""

    def __init__(self, folder: Path, port: int) -> None:
        options = [
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'alertmanager-data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
        super().__init__("prometheus-alertmanager", folder, port, options)


class Prometheus(ServerProcess):
    """``folder`` holds ``prometheus.yml`` and the rules it names."""

    def __init__(self, folder: Path, port: int) -> None:
        options = [
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'prometheus-data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-lifecycle",
            "--enable-feature=exemplar-storage",
            "--storage.tsdb.retention.time=30d",
        ]
        super().__init__("prometheus", folder, port, options)

    def series(self, promql: str, at: float | None = None) -> list[tuple[Mapping[str, str], float]]:
        """What an instant query gives now, or at a Unix time: labels and value."""
        when = [("time", str(at))] if at is not None else []
        data = self.get("/api/v1/query", [("query", promql), *when])["data"]
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(each["metric"], float(each["value"][1])) for each in data["result"]]

    def value(self, promql: str, at: float | None = None) -> float | None:
        """The one value; None where there is no series."""
        found = self.series(promql, at)
        assert len(found) <= 1, f"{promql}: {found}"
        return found[0][1] if found else None

    def has_range(self, promql: str, *, start: float, end: float, step: float) -> bool:
        """Whether a chart of these seconds has any point."""
        query = [("query", promql), ("start", str(start)), ("end", str(end)), ("step", str(step))]
        return bool(self.get("/api/v1/query_range", query)["data"]["result"])

    def label_values(self, label: str, selector: str) -> list[str]:
        values: list[str] = self.get(f"/api/v1/label/{label}/values", [("match[]", selector)])["data"]
        return values

    def rules(self) -> list[Mapping[str, Json]]:
        groups = self.get("/api/v1/rules")["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def firing(self, alert: str) -> bool:
        return bool(self.series(f'ALERTS{{alertname="{alert}",alertstate="firing"}}'))


def local_configuration(
    shipped: Path, folder: Path, *, jobs: Mapping[str, Sequence[str]], prometheus: int, manager: int
) -> None:
    """The shipped configuration in ``folder``, with the addresses of this machine and the rules beside it. ``jobs`` are
    the addresses of ours by job; the others of ours have none."""
    whole = yaml.safe_load(shipped.read_text())
    targets = {**jobs, "prometheus": [_local(prometheus)], "alertmanager": [_local(manager)]}
    for job in whole["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        job.pop("file_sd_configs", None)
        job["static_configs"] = [{"targets": list(targets.get(job["job_name"], ()))}]
    whole["alerting"]["alertmanagers"] = [{"static_configs": [{"targets": [_local(manager)]}]}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(whole))


def _local(port: int) -> str:
    return f"127.0.0.1:{port}"
