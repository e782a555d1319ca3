"""Secrets of the configuration: where they come from, what is refused, and that they are never printed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.errors import ConfigError
from streams.settings import load_settings, parse_settings, receiver_secrets
from streams.settings_sections import Gateway, Receiver
from tests.configuration import (
    ENVIRONMENT,
    EXAMPLE,
    MISSING,
    OLD_TOKEN_KEY,
    SEAL_KEY,
    TOKEN_KEY,
    Edit,
    edited,
    problems_of,
)


def as_file(folder: Path, text: str, mode: int = 0o600) -> str:
    file = folder / "secret"
    file.write_text(text)
    file.chmod(mode)
    return file.name


def password_in(name: str) -> list[Edit]:
    return [("kafka.security.password_env", MISSING), ("kafka.security.password_file", name)]


def test_a_secret_file_is_read_beside_the_configuration(tmp_path: Path) -> None:
    """Relative names start at the configuration's folder; the final newline is not part of a secret."""
    config = tmp_path / "filaviva.yaml"
    config.write_text(edited(*password_in(as_file(tmp_path, "s3cret \n"))))
    loaded = load_settings(config, environment=ENVIRONMENT)
    assert loaded.kafka_password is not None
    assert loaded.kafka_password.reveal() == "s3cret "


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        ("s3cret", 0o604, "others can neither read nor write"),
        ("s3cret", 0o644, "others can neither read nor write"),
        ("s3cret", 0o602, "others can neither read nor write"),
        ("", 0o600, "neither empty nor oversized"),
        ("\n", 0o600, "not empty"),
        ("s" * 70_000, 0o600, "neither empty nor oversized"),
    ],
)
def test_a_secret_file_that_others_can_read_or_that_holds_nothing_is_refused(
    tmp_path: Path, text: str, mode: int, expected: str
) -> None:
    """Permissions and size are checked before anything is used."""
    problems = problems_of(edited(*password_in(as_file(tmp_path, text, mode))), folder=tmp_path)
    assert expected in problems["kafka.security.password_file"]


@pytest.mark.parametrize("name", ["absent", ".", "a\0b"])
def test_a_secret_file_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    """Absent, a folder, or no file name at all."""
    problems = problems_of(edited(*password_in(name)), folder=tmp_path)
    assert list(problems) == ["kafka.security.password_file"]


def test_certificates_must_be_there_and_their_key_closed(tmp_path: Path) -> None:
    """The certificate may be public, the key may not."""
    (tmp_path / "cert.pem").write_text("certificate")
    tls = {
        "protocol": "ssl",
        "ca_file": "absent.pem",
        "cert_file": "cert.pem",
        "key_file": as_file(tmp_path, "k", 0o644),
    }
    problems = problems_of(edited(("kafka.security", tls)), folder=tmp_path)
    assert sorted(problems) == ["kafka.security.ca_file", "kafka.security.key_file"]
    assert "chmod o-rwx" in problems["kafka.security.key_file"]


def test_certificates_are_named_from_the_root(tmp_path: Path) -> None:
    """Whoever opens them later need not know where the configuration was."""
    for name in ("ca.pem", "cert.pem"):
        (tmp_path / name).write_text("certificate")
    key = as_file(tmp_path, "k")
    tls = {"protocol": "ssl", "ca_file": "ca.pem", "cert_file": str(tmp_path / "cert.pem"), "key_file": key}
    loaded = parse_settings(edited(("kafka.security", tls)), environment=ENVIRONMENT, folder=tmp_path)
    security = loaded.kafka.security
    assert [security.ca_file, security.cert_file, security.key_file] == [
        str(tmp_path / name) for name in ("ca.pem", "cert.pem", key)
    ]


@pytest.mark.parametrize(
    ("name", "written", "expected"),
    [
        ("FILAVIVA_ACME_TOKEN_KEY", TOKEN_KEY[:31].hex(), "at least 32 random bytes, written in hex or base64"),
        ("FILAVIVA_ACME_TOKEN_KEY", "not a key at all", "at least 32 random bytes"),
        ("FILAVIVA_ACME_TOKEN_KEY", "A" * 41, "at least 32 random bytes"),
        ("FILAVIVA_ACME_TOKEN_KEY", "", "an environment variable that is set"),
        ("FILAVIVA_ACME_SEAL_KEY", SEAL_KEY[:33].hex(), "32, 48 or 64 random bytes"),
    ],
)
def test_a_key_of_the_wrong_size_or_spelling_is_refused(name: str, written: str, expected: str) -> None:
    """The problem names the key's place and repeats nothing of it."""
    path = f"privacy.tenants.acme.{name.removeprefix('FILAVIVA_ACME_').lower()}_env"
    problems = problems_of(edited(), environment=ENVIRONMENT | {name: written})
    assert expected in problems[path]
    assert not written or written not in str(problems)


@pytest.mark.parametrize(
    "spell",
    [bytes.hex, lambda k: base64.b64encode(k).decode(), lambda k: base64.urlsafe_b64encode(k).decode().rstrip("=")],
)
@pytest.mark.parametrize("size", [32, 48, 64])
def test_keys_may_be_written_in_hex_or_base64(spell: Callable[[bytes], str], size: int) -> None:
    """Both alphabets of base64, with or without padding, and every size of AES-SIV."""
    key = bytes(range(256 - size, 256))
    loaded = parse_settings(edited(), environment=ENVIRONMENT | {"FILAVIVA_ACME_SEAL_KEY": spell(key)})
    assert loaded.tenant_keys["acme"].seal_key == key


def test_a_previous_token_key_is_kept_beside_the_current_one() -> None:
    """While keys change both are active."""
    edit = ("privacy.tenants.acme.previous_token_key_env", "OLD")
    loaded = parse_settings(edited(edit), environment=ENVIRONMENT | {"OLD": OLD_TOKEN_KEY.hex()})
    assert loaded.tenant_keys["acme"].previous_token_key == OLD_TOKEN_KEY
    assert (
        "differ"
        in problems_of(edited(edit), environment=ENVIRONMENT | {"OLD": TOKEN_KEY.hex()})["privacy.tenants.acme"]
    )


CRM_SECRET = "a-secret-of-the-crm"
TWO_RECEIVERS = Gateway(
    receivers=(
        Receiver(tenant="acme", source="crm-1", secret_env="CRM", previous_secret_env="OLD"),
        Receiver(tenant="acme", source="crm-2", secret_file="crm-2"),
    )
)


def test_receivers_have_secrets_of_their_own(tmp_path: Path) -> None:
    """From variables and closed files, with the previous one beside it; none is printed."""
    (tmp_path / as_file(tmp_path, "another-secret-of-it\n")).rename(tmp_path / "crm-2")
    environment = {"CRM": CRM_SECRET, "OLD": "its-former-secret-1"}
    found = receiver_secrets(TWO_RECEIVERS, tmp_path, environment=environment)
    assert found["acme", "crm-1"].active == (CRM_SECRET.encode(), b"its-former-secret-1")
    assert found["acme", "crm-2"].active == (b"another-secret-of-it",)
    assert CRM_SECRET not in repr(found)


def test_a_receiver_without_a_fit_secret_is_named(tmp_path: Path) -> None:
    """Absent, short, or the same twice: each by its path, and never the secret."""
    with pytest.raises(ConfigError) as caught:
        receiver_secrets(TWO_RECEIVERS, tmp_path, environment={"CRM": CRM_SECRET, "OLD": CRM_SECRET})
    assert [path for path, _ in caught.value.problems] == ["gateway.receivers[0]", "gateway.receivers[1].secret_file"]
    with pytest.raises(ConfigError) as caught:
        receiver_secrets(TWO_RECEIVERS, tmp_path, environment={"CRM": "too-short"})
    problems = dict(caught.value.problems)
    assert "at least 16 characters" in problems["gateway.receivers[0].secret_env"]
    assert "set and not empty" in problems["gateway.receivers[0].previous_secret_env"]


def test_secrets_are_read_only_on_demand() -> None:
    """Without resolving, a machine that has no secrets can check the file."""
    loaded = parse_settings(edited(), environment={}, resolve_secrets=False)
    assert (dict(loaded.tenant_keys), loaded.kafka_password) == ({}, None)


def test_secrets_are_never_printed() -> None:
    """Neither by repr nor by str of anything that holds them."""
    loaded = load_settings(EXAMPLE, environment=ENVIRONMENT)
    shown = f"{loaded!r} {loaded} {loaded.tenant_keys} {loaded.tenant_keys['acme']} {loaded.kafka_password}"
    assert "TenantKeys(***)" in shown
    assert "Secret(***)" in shown
    for secret in (*ENVIRONMENT.values(), repr(TOKEN_KEY), repr(SEAL_KEY)):
        assert secret not in shown


PASTED = "hunter2hunter2"
PASTED_TEXTS = [
    edited(("kafka.security.password", PASTED)),
    edited(("kafka.security.password_env", PASTED)),
    edited(*password_in(PASTED)),
    edited(("privacy.tenants.acme.token_key_env", PASTED)),
    edited(("privacy.tenants.acme.token_key", PASTED)),
    edited(("kafka.security.mechanism", PASTED)),
    f"kafka:\n  password: *{PASTED}\n",
    f"kafka:\n  password: !{PASTED} x\n",
    f"kafka:\n  password: !{PASTED}!x y\n",
    f"kafka:\n  password: '{PASTED}\n",
    f"kafka:\n  password: [{PASTED}\n  {PASTED}: {PASTED}: {PASTED}\n",
    f"kafka:\n  a: &{PASTED} 1\n  b: &{PASTED} 2\n",
]


@pytest.mark.parametrize("text", PASTED_TEXTS)
def test_a_secret_pasted_into_the_file_is_not_repeated(text: str) -> None:
    """Whatever the mistake, the problem names the place and not the text that stands there."""
    assert PASTED not in str(problems_of(text))
