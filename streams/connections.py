"""How our own Kafka clients reach the brokers: plain, TLS, or SASL inside TLS; never a password in the clear."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Final

from streams.errors import ConfigError
from streams.settings_secrets import Secret
from streams.settings_sections import Kafka, Security

PROTOCOL_RELEASE: Final = (2, 3)
"""The Kafka release whose requests kafka-python sends. Every broker from 2.3 to 4.x answers them, and the embedded one
answers the opening request of no later release in a way that kafka-python can read."""

KEEPS_EVERY_RECORD: Final = {
    "acks": "all",
    "enable.idempotence": True,
    "max.in.flight.requests.per.connection": 1,
}
"""Of every librdkafka producer. One request at a time, because an acknowledged request makes librdkafka report those
before it as delivered too; a broker that does not know the producer yet takes any sequence number, so a request it had
refused (the leader of a new topic was not ready) would be dropped without a word. Measured on librdkafka 2.16."""


def client_options(kafka: Kafka, password: Secret | None = None, *, folder: Path | None = None) -> dict[str, Any]:
    """The keyword arguments every kafka-python client needs besides ``bootstrap_servers``.

    ``folder`` is what the certificate files are relative to: the configuration's own, or where the process runs.
    Raises ConfigError for SASL without TLS, SASL without its login, or certificates that cannot be loaded.
    """
    security = kafka.security
    options: dict[str, Any] = {"api_version": PROTOCOL_RELEASE, "security_protocol": security.protocol.upper()}
    context = tls_context(security, folder=folder)
    if context is not None:
        options["ssl_context"] = context
    if security.protocol == "sasl_ssl":
        options |= _login(security, password)
    elif security.mechanism or security.username or password:
        raise ConfigError([("kafka.security.protocol", "expected sasl_ssl where a login is given: SASL needs TLS")])
    return options


def librdkafka_options(
    kafka: Kafka, password: Secret | None = None, *, folder: Path | None = None
) -> dict[str, str | int]:
    """The same for a librdkafka client: its settings besides ``bootstrap.servers``. Raises like ``client_options``."""
    login = client_options(kafka, password, folder=folder)
    security, base = kafka.security, folder or Path()
    options: dict[str, str | int] = {"security.protocol": security.protocol}
    files = {
        "ssl.ca.location": security.ca_file,
        "ssl.certificate.location": security.cert_file,
        "ssl.key.location": security.key_file,
    }
    options |= {name: str(base / file) for name, file in files.items() if file}
    if security.protocol == "sasl_ssl":
        options["sasl.mechanism"] = login["sasl_mechanism"]
        options["sasl.username"] = login["sasl_plain_username"]
        options["sasl.password"] = login["sasl_plain_password"]
    return options


def tls_context(security: Security, *, folder: Path | None = None) -> ssl.SSLContext | None:
    """A context that verifies the broker's certificate and host name, with ours for mutual TLS; None for plaintext."""
    if security.protocol == "plaintext":
        return None
    base = folder or Path()
    path = "kafka.security.ca_file"
    try:
        context = ssl.create_default_context(cafile=base / security.ca_file if security.ca_file else None)
        path = "kafka.security.cert_file"
        if security.cert_file:
            context.load_cert_chain(base / security.cert_file, base / security.key_file if security.key_file else None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError([(path, f"expected PEM that TLS can load: {error.strerror or error}")]) from None
    return context


def _login(security: Security, password: Secret | None) -> dict[str, str]:
    if not (security.mechanism and security.username and password):
        raise ConfigError([("kafka.security", "expected mechanism, username and password with protocol sasl_ssl")])
    return {
        "sasl_mechanism": security.mechanism,
        "sasl_plain_username": security.username,
        "sasl_plain_password": password.reveal(),
    }
