"""What our clients are told about reaching the brokers."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from streams.cli.kafka_target import target_of_file
from streams.connections import PROTOCOL_RELEASE, client_options, librdkafka_options, tls_context
from streams.errors import ConfigError
from streams.settings_secrets import Secret
from streams.settings_sections import Kafka, Security
from tests.configuration import edited

LOGIN = {"protocol": "sasl_ssl", "mechanism": "SCRAM-SHA-512", "username": "filaviva"}


def kafka(**security: str) -> Kafka:
    return Kafka(brokers=("127.0.0.1:9092",), security=Security(**security))


@pytest.fixture
def certificate_folder(tmp_path: Path) -> Path:
    """A folder with `ca.pem` and its `key.pem`, made for this test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return tmp_path


def test_a_plain_connection_needs_nothing():
    """No TLS, no login."""
    assert client_options(kafka()) == {"api_version": PROTOCOL_RELEASE, "security_protocol": "PLAINTEXT"}
    assert librdkafka_options(kafka()) == {"security.protocol": "plaintext"}


def test_tls_verifies_who_answers(certificate_folder: Path):
    """Certificate and host name are checked; files are relative to the configuration."""
    files = {"ca_file": "ca.pem", "cert_file": "ca.pem", "key_file": "key.pem"}
    section = kafka(protocol="ssl", **files)
    context = client_options(section, folder=certificate_folder)["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1
    assert librdkafka_options(section, folder=certificate_folder) == {
        "security.protocol": "ssl",
        "ssl.ca.location": str(certificate_folder / "ca.pem"),
        "ssl.certificate.location": str(certificate_folder / "ca.pem"),
        "ssl.key.location": str(certificate_folder / "key.pem"),
    }


def test_a_login_travels_inside_tls():
    """Both clients get the same login, and never without a context."""
    section = kafka(**LOGIN)
    options = client_options(section, Secret("s3cret"))
    assert options["security_protocol"] == "SASL_SSL"
    assert isinstance(options["ssl_context"], ssl.SSLContext)
    assert (options["sasl_mechanism"], options["sasl_plain_username"]) == ("SCRAM-SHA-512", "filaviva")
    assert options["sasl_plain_password"] == "s3cret"
    assert librdkafka_options(section, Secret("s3cret")) == {
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "filaviva",
        "sasl.password": "s3cret",
    }


@pytest.mark.parametrize("protocol", ["plaintext", "ssl"])
def test_a_login_without_its_protocol_is_refused(protocol: str):
    """A password must not go anywhere by accident."""
    with pytest.raises(ConfigError, match="SASL needs TLS"):
        client_options(kafka(protocol=protocol, mechanism="PLAIN", username="filaviva"))
    with pytest.raises(ConfigError, match="SASL needs TLS"):
        client_options(kafka(protocol=protocol), Secret("s3cret"))


@pytest.mark.parametrize("absent", ["mechanism", "username", "password"])
def test_half_a_login_is_refused(absent: str):
    """All three or nothing."""
    section = kafka(**{key: value for key, value in LOGIN.items() if key != absent})
    with pytest.raises(ConfigError, match="expected mechanism, username and password"):
        client_options(section, None if absent == "password" else Secret("s3cret"))


def test_a_certificate_that_cannot_be_used_is_named_by_its_key(certificate_folder: Path):
    """The operator learns which key of the configuration to look at."""
    with pytest.raises(ConfigError, match=r"kafka\.security\.ca_file: .*No such file"):
        tls_context(Security(protocol="ssl", ca_file="absent.pem"), folder=certificate_folder)
    (certificate_folder / "empty.pem").write_text("")
    with pytest.raises(ConfigError, match=r"kafka\.security\.ca_file"):
        tls_context(Security(protocol="ssl", ca_file="empty.pem"), folder=certificate_folder)
    with pytest.raises(ConfigError, match=r"kafka\.security\.cert_file"):
        tls_context(Security(protocol="ssl", cert_file="ca.pem", key_file="absent.pem"), folder=certificate_folder)


def test_whoever_only_talks_to_kafka_needs_no_key_of_a_tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway, the movers and the commands log in with the brokers' password; keys of tenants are the workers'."""
    config = tmp_path / "filaviva.yaml"
    security = {**LOGIN, "password_env": "KAFKA_PASSWORD"}
    keys = {"token_key_env": "NOT_HERE", "seal_key_env": "NOT_HERE_EITHER"}
    config.write_text(
        edited(
            ("kafka", {"brokers": ["127.0.0.1:9092"], "security": security}), ("privacy", {"tenants": {"acme": keys}})
        )
    )
    monkeypatch.setenv("KAFKA_PASSWORD", "right")
    assert target_of_file(config).producer_options["sasl.password"] == "right"
    monkeypatch.delenv("KAFKA_PASSWORD")
    with pytest.raises(ConfigError, match="password_env"):
        target_of_file(config)
