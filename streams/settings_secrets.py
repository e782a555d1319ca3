"""Secrets: read from an environment variable or a file that others cannot read, and never printed."""

from __future__ import annotations

import base64
import binascii
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.errors import ConfigError
from streams.settings_document import Problem
from streams.settings_sections import Gateway, Privacy, Receiver, Security, TenantSecrets

MAX_SECRET_BYTES: Final = 65_536
MIN_TOKEN_KEY_BYTES: Final = 32
MIN_RECEIVER_SECRET_CHARACTERS: Final = 16
SEAL_KEY_BYTES: Final = (32, 48, 64)
"""The key sizes of AES-SIV."""

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")


class Secret:
    """Text that prints as stars."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, slots=True, repr=False)
class TenantKeys:
    """The keys of one tenant: pseudonyms are made with ``token_key`` (and matched with the previous one while keys
    change), addresses are sealed with ``seal_key``."""

    token_key: bytes
    previous_token_key: bytes | None
    seal_key: bytes

    def __repr__(self) -> str:
        return "TenantKeys(***)"


@dataclass(frozen=True, slots=True, repr=False)
class ReceiverSecrets:
    """What one source proves itself with; while it changes, the previous one is good too."""

    current: bytes
    previous: bytes | None = None
    verify_token: bytes | None = None

    @property
    def active(self) -> tuple[bytes, ...]:
        return (self.current,) if self.previous is None else (self.current, self.previous)

    def __repr__(self) -> str:
        return "ReceiverSecrets(***)"


class SecretReader:
    """Reads what the configuration names. ``problems`` collects every secret that cannot be had.

    A problem never repeats the name of the variable or file: whoever pasted the secret itself there must not find it
    in a log.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        """File names are relative to ``folder``."""
        self.problems: list[Problem] = []
        self._environment = environment
        self._folder = folder

    def kafka_password(self, security: Security) -> Secret | None:
        """The password, where one is configured; looks at the certificate files too."""
        path = "kafka.security"
        for name in ("ca_file", "cert_file"):
            self._require_file(getattr(security, name), f"{path}.{name}", is_secret=False)
        self._require_file(security.key_file, f"{path}.key_file", is_secret=True)
        text = self._text(security, "password", path)
        return Secret(text) if text else None

    def password_in(self, file: Path, path: str) -> Secret:
        """The password in a file of its own, without the line end. Raises ConfigError, naming ``path``."""
        text = self._require_file(str(file), path, is_secret=True)
        if text is None:
            raise ConfigError(self.problems)
        return Secret(text.rstrip("\r\n"))

    def tenant_keys(self, privacy: Privacy) -> dict[str, TenantKeys]:
        """The keys of every tenant that has all of them."""
        found = {
            tenant: self._keys(secrets, f"privacy.tenants.{tenant}") for tenant, secrets in privacy.tenants.items()
        }
        return {tenant: keys for tenant, keys in found.items() if keys}

    def receivers(self, gateway: Gateway) -> dict[tuple[str, str], ReceiverSecrets]:
        """The secrets of every receiver that has all of its own, by tenant and source."""
        found = {
            (each.tenant, each.source): self._of_receiver(each, f"gateway.receivers[{index}]")
            for index, each in enumerate(gateway.receivers)
        }
        return {place: secrets for place, secrets in found.items() if secrets}

    def _of_receiver(self, receiver: Receiver, path: str) -> ReceiverSecrets | None:
        current = self._secret_text(receiver, "secret", path)
        previous = self._secret_text(receiver, "previous_secret", path)
        if current and current == previous:
            self.problems.append((path, "expected a previous secret that differs from the present one"))
        verify_token = self._secret_text(receiver, "verify_token", path)
        return ReceiverSecrets(current, previous, verify_token) if current else None

    def _secret_text(self, receiver: Receiver, name: str, path: str) -> bytes | None:
        text = self._text(receiver, name, path)
        if text is None or len(text) >= MIN_RECEIVER_SECRET_CHARACTERS:
            return text.encode() if text else None
        place = "env" if getattr(receiver, f"{name}_env") else "file"
        expected = f"expected a secret of at least {MIN_RECEIVER_SECRET_CHARACTERS} characters"
        self.problems.append((f"{path}.{name}_{place}", expected))
        return None

    def _keys(self, secrets: TenantSecrets, path: str) -> TenantKeys | None:
        token_key = self._key(secrets, "token_key", path, _is_token_key)
        previous = self._key(secrets, "previous_token_key", path, _is_token_key)
        seal_key = self._key(secrets, "seal_key", path, _is_seal_key)
        if token_key and token_key in (previous, seal_key):
            self.problems.append((path, "expected keys that differ from each other"))
        return TenantKeys(token_key, previous, seal_key) if token_key and seal_key else None

    def _key(self, secrets: TenantSecrets, name: str, path: str, fits: Callable[[bytes], bool]) -> bytes | None:
        text = self._text(secrets, name, path)
        if text is None:
            return None
        key = decode_key(text)
        if key is None or not fits(key):
            size = "32, 48 or 64" if name == "seal_key" else f"at least {MIN_TOKEN_KEY_BYTES}"
            place = "env" if getattr(secrets, f"{name}_env") else "file"
            self.problems.append((f"{path}.{name}_{place}", f"expected {size} random bytes, written in hex or base64"))
            return None
        return key

    def _text(self, section: Security | TenantSecrets | Receiver, name: str, path: str) -> str | None:
        """The text without the line end that editors and ``echo`` add."""
        variable: str | None = getattr(section, f"{name}_env")
        if variable is None:
            text = self._require_file(getattr(section, f"{name}_file"), f"{path}.{name}_file", is_secret=True)
            return text.rstrip("\r\n") if text else None
        text = self._environment.get(variable, "").rstrip("\r\n")
        if not text:
            self.problems.append((f"{path}.{name}_env", "expected an environment variable that is set and not empty"))
        return text or None

    def _require_file(self, name: str | None, path: str, *, is_secret: bool) -> str | None:
        """The text of a file; None, and a problem, where it cannot be used."""
        if name is None:
            return None
        try:
            text, fault = _read(self._folder / name, is_secret=is_secret)
        except OSError as error:
            text, fault = "", f"expected a file that can be read: {error.strerror}"
        except ValueError:
            text, fault = "", "expected a file of UTF-8 text"
        if fault:
            self.problems.append((path, fault))
        return None if fault else text


def _read(file: Path, *, is_secret: bool) -> tuple[str, str]:
    """The text, and what is wrong with the file ('' when nothing is)."""
    status = file.stat()
    if not stat.S_ISREG(status.st_mode):
        return "", "expected a regular file"
    if is_secret and status.st_mode & stat.S_IRWXO:
        return "", "expected a file that others can neither read nor write (chmod o-rwx)"
    if not 0 < status.st_size <= MAX_SECRET_BYTES * (1 if is_secret else 64):
        return "", "expected a file that is neither empty nor oversized"
    text = file.read_text("utf-8")
    return text, "" if text.strip() else "expected a file that is not empty"


def decode_key(text: str) -> bytes | None:
    """Bytes written as hex (tried first) or base64, either alphabet, padding optional; None when neither."""
    text = text.strip()
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    if not _BASE64.fullmatch(text):
        return None
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return None


def _is_token_key(key: bytes) -> bool:
    return len(key) >= MIN_TOKEN_KEY_BYTES


def _is_seal_key(key: bytes) -> bool:
    return len(key) in SEAL_KEY_BYTES
