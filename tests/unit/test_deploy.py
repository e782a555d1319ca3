"""What `deploy/` ships for containers, as far as a machine without a container engine can tell."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.cli import main
from streams.cli.simulate_config import configuration_text
from streams.settings import parse_settings, receiver_secrets
from streams.simulation.centre import SAC
from tests.lanes import missing
from tests.prometheus_programs import program, programs_unavailable_reason

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
SECRETS = {"ACME_TOKEN_KEY": "11" * 32, "ACME_SEAL_KEY": "22" * 32}
LONG_RUNNING = SERVICES.keys() - {"topics"}
KNOWN_KEYS = {
    *("image", "build", "environment", "volumes", "user", "read_only", "tmpfs", "security_opt", "cap_drop", "command"),
    *("depends_on", "deploy", "mem_limit", "cpus", "restart", "healthcheck", "ports", "profiles"),
}
"""Of the Compose specification's keys of a service, those that are used here."""
every_service = pytest.mark.parametrize("name", SERVICES, ids=[f"service-{name}" for name in SERVICES])


@every_service
def test_a_service_is_pinned_bounded_and_without_root(name: str) -> None:
    service = SERVICES[name]
    assert service.keys() <= KNOWN_KEYS
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"])
    assert service["mem_limit"]
    assert service["cpus"]
    assert service["user"] not in ("root", "0")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert service["restart"] == ("unless-stopped" if name in LONG_RUNNING else "no")
    if name in LONG_RUNNING - {"simulator"}:
        assert service["healthcheck"]["test"][0] == "CMD"


@every_service
def test_everything_mounted_exists_and_everything_depended_on_can_say_so(name: str) -> None:
    for volume in SERVICES[name].get("volumes", ()):
        source, _, _ = volume.partition(":")
        assert source in COMPOSE["volumes"] or (DEPLOY / source).exists(), volume
    for other, condition in SERVICES[name].get("depends_on", {}).items():
        if condition["condition"] == "service_healthy":
            assert "healthcheck" in SERVICES[other]
        else:
            assert other not in LONG_RUNNING


def test_what_the_image_is_built_from_exists() -> None:
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE):
        assert all((DEPLOY.parent / name).exists() for name in copied.split())


@pytest.mark.parametrize("name", ["topics", "stream", "gateway", "simulator"])
def test_our_own_command_lines_are_understood(name: str) -> None:
    """By the command they name: its help is shown, so every word before was."""
    words = SERVICES[name]["command"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0


@pytest.mark.prometheus
@pytest.mark.parametrize(
    ("name", "binary"), [("prometheus", "prometheus"), ("alertmanager", "prometheus-alertmanager")]
)
def test_the_command_lines_of_others_are_understood(name: str, binary: str) -> None:
    """By the real program, which refuses what it does not know before it shows its version."""
    reason = programs_unavailable_reason()
    if reason:
        missing("prometheus", reason)
    try:
        path = program(binary)
    except RuntimeError as error:
        missing("prometheus", str(error))
    for words, expected in ((SERVICES[name]["command"], 0), (["--no-such-option"], 1)):
        done = subprocess.run([path, *words, "--version"], capture_output=True, timeout=60, check=False)
        assert (done.returncode == 0) == (expected == 0), done.stderr


def test_the_configuration_is_the_simulated_centre_in_its_place() -> None:
    """And is sound; the worker's port is the one that Prometheus looks for."""
    text = (DEPLOY / "compose" / "filaviva.yaml").read_text()
    settings = parse_settings(text, environment=SECRETS)
    shipped, simulated = yaml.safe_load(text), yaml.safe_load(configuration_text(SAC))
    assert shipped.pop("worker")["metrics_host"] == "0.0.0.0"
    assert shipped.pop("kafka") == {"brokers": ["kafka:9092"]}
    assert shipped.pop("gateway")["host"] == "0.0.0.0"
    del simulated["kafka"]
    assert shipped == simulated
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (workers,) = [job["dns_sd_configs"][0] for job in jobs if job["job_name"] == "filaviva-stream"]
    assert workers["port"] == settings.worker.metrics_port
    assert set(workers["names"]) <= SERVICES.keys()


def test_the_gateway_stands_where_it_is_looked_for_and_has_its_secret_alone() -> None:
    """Its port is published on loopback, scraped, asked for its health; it knows no key of a tenant."""
    settings = parse_settings((DEPLOY / "compose" / "filaviva.yaml").read_text(), environment=SECRETS)
    service, section = SERVICES["gateway"], settings.gateway
    assert section is not None
    assert service["ports"] == [f"127.0.0.1:{section.port}:{section.port}"]
    assert f":{section.port}/healthz" in service["healthcheck"]["test"][-1]
    assert service["environment"].keys() == {each.secret_env for each in section.receivers}
    assert receiver_secrets(section, DEPLOY, environment={"FILAVIVA_CRM_SECRET": "x" * 16}).keys() == {
        ("acme", "crm-1")
    }
    jobs = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    (looked_for,) = [job["dns_sd_configs"][0] for job in jobs if job["job_name"] == "filaviva-gateway"]
    assert (looked_for["port"], looked_for["names"]) == (section.port, ["gateway"])


def test_everything_prometheus_reads_is_mounted_beside_it() -> None:
    """Rules and the list of movers."""
    whole = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    listed = [name for job in whole["scrape_configs"] for sd in job.get("file_sd_configs", ()) for name in sd["files"]]
    mounted = {volume.split(":")[1] for volume in SERVICES["prometheus"]["volumes"]}
    assert listed == ["movers.yml"]
    assert {f"/etc/prometheus/{name}" for name in (*whole["rule_files"], *listed)} <= mounted


def test_grafana_finds_what_it_is_given() -> None:
    provisioned = DEPLOY / "grafana" / "provisioning"
    sources = yaml.safe_load((provisioned / "datasources" / "filaviva.yml").read_text())["datasources"]
    assert {each["url"].removeprefix("http://").split(":")[0] for each in sources} <= SERVICES.keys()
    (provider,) = yaml.safe_load((provisioned / "dashboards" / "filaviva.yml").read_text())["providers"]
    mounted = dict(volume.split(":")[:2][::-1] for volume in SERVICES["grafana"]["volumes"])
    folder = DEPLOY / mounted[provider["options"]["path"]]
    uids = {json.loads(file.read_text())["uid"] for file in folder.glob("*.json")}
    assert {"filaviva-wall", "filaviva-supervisor"} <= uids
