"""Asking a broker, without a client library, whether it is there."""

from __future__ import annotations

import socket
import struct

_API_VERSIONS_REQUEST = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""Size, API key, version 0, correlation id 1, no client id: what every Kafka since 0.10 answers."""


def answers(bootstrap: str, *, seconds: float = 5.0) -> bool:
    """Whether a broker accepts a connection and answers the first request of every client, in time."""
    host, _, port = bootstrap.partition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=seconds) as connection:
            connection.sendall(_API_VERSIONS_REQUEST)
            return bool(connection.recv(1))
    except OSError:
        return False
