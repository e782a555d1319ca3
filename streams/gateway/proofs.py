"""How a source proves that a request is its own: a signature over the request, or a bearer token. Pure.

Comparisons take the same time wherever the texts differ, and every active secret is tried, whichever fits.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import parse_qs, urlsplit

from streams.gateway.messages import Message

TIMESTAMP_HEADER: Final = "filaviva-timestamp"
SIGNATURE_HEADER: Final = "filaviva-signature"
_SECONDS: Final = re.compile(r"[1-9][0-9]{8,10}", re.ASCII)


def signature(secret: bytes, message: Message) -> str:
    """Hex HMAC-SHA256 of everything that says what the events are.

    Signed are, a line each: ``v1``, the timestamp header, the path, the content type, and the ``ce-`` headers by name
    as ``name:value``; then an empty line and the body. A binary event stands mostly in its headers, so the body alone
    would not do.
    """
    attributes = sorted(f"{name}:{value}" for name, value in message.headers.items() if name.startswith("ce-"))
    lines = ["v1", message.header(TIMESTAMP_HEADER), message.path, message.header("content-type"), *attributes, "", ""]
    return sha256_hmac(secret, "\n".join(lines).encode("utf-8", "surrogateescape") + message.body)


def is_signed(message: Message, secrets: Sequence[bytes], *, now_seconds: float, replay_seconds: float) -> bool:
    """Whether the signature is of one of the secrets, and its timestamp (whole Unix seconds) within the window."""
    expected = [signature(secret, message) for secret in secrets]
    is_genuine = is_one_of(message.header(SIGNATURE_HEADER), expected)
    return is_fresh(message.header(TIMESTAMP_HEADER), now_seconds, replay_seconds) and is_genuine


def is_signed_by_chatwoot(
    message: Message, secrets: Sequence[bytes], *, now_seconds: float, replay_seconds: float
) -> bool:
    """Chatwoot 4: ``X-Chatwoot-Signature`` is ``sha256=`` and the HMAC of timestamp, a dot and the body."""
    stamp = message.header("x-chatwoot-timestamp")
    signed = stamp.encode("utf-8", "surrogateescape") + b"." + message.body
    expected = [f"sha256={sha256_hmac(secret, signed)}" for secret in secrets]
    is_genuine = is_one_of(message.header("x-chatwoot-signature"), expected)
    return is_fresh(stamp, now_seconds, replay_seconds) and is_genuine


def is_signed_by_meta(message: Message, secrets: Sequence[bytes], **_window: float) -> bool:
    """Meta's ``X-Hub-Signature-256``: ``sha256=`` and the HMAC of the body by the app's secret. There is no time in it:
    what is sent again makes the same events again."""
    expected = [f"sha256={sha256_hmac(secret, message.body)}" for secret in secrets]
    return is_one_of(message.header("x-hub-signature-256"), expected)


def has_token(message: Message, secrets: Sequence[bytes], **_window: float) -> bool:
    """Whether the address carries one of the secrets as ``token``, for platforms that can do nothing better."""
    given = parse_qs(urlsplit(message.path).query).get("token", [])
    return len(given) == 1 and is_one_of(given[0], [secret.decode() for secret in secrets])


def is_bearer(message: Message, secrets: Sequence[bytes], **_window: float) -> bool:
    """Whether the Authorization header carries one of the secrets."""
    scheme, _, token = message.header("authorization").partition(" ")
    known = [secret.decode() for secret in secrets]
    return is_one_of(token.strip(), known) and scheme.lower() == "bearer"


def is_fresh(timestamp: str, now_seconds: float, window_seconds: float) -> bool:
    """Whether whole Unix seconds lie within the window on either side of now."""
    return _SECONDS.fullmatch(timestamp) is not None and abs(now_seconds - int(timestamp)) <= window_seconds


def is_one_of(given: str, expected: Iterable[str]) -> bool:
    """Compares with all of them, so that the time tells nothing; nothing is never one of them."""
    told = given.encode("utf-8", "surrogateescape")
    matches = [hmac.compare_digest(told, each.encode()) for each in expected]
    return bool(told) and any(matches)


def sha256_hmac(secret: bytes, signed: bytes) -> str:
    """In small hex digits."""
    return hmac.new(secret, signed, hashlib.sha256).hexdigest()
