"""Sealed addresses: what travels in a callback plan instead of a phone number.

AES-SIV (RFC 5297) with the tenant's key and the tenant's name as associated data. It is deterministic: the same address
always gives the same text, so a repeated record is byte-identical.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from streams.errors import FilavivaError


class SealError(FilavivaError):
    """An address that cannot be sealed or opened: no key for the tenant, another key, or altered text."""


class Sealer:
    """Seals and opens addresses; holds one key (32, 48 or 64 bytes) per tenant."""

    def __init__(self, seal_keys: Mapping[str, bytes]) -> None:
        self._ciphers = {tenant: AESSIV(key) for tenant, key in seal_keys.items()}

    def seal(self, tenant: str, address: str) -> str:
        """The sealed address: URL-safe base64 text. An empty address is refused."""
        if not address:
            raise SealError(f"tenant {tenant}: there is no address to seal")
        sealed = self._cipher(tenant).encrypt(address.encode(), [tenant.encode()])
        return base64.urlsafe_b64encode(sealed).decode("ascii")

    def open(self, tenant: str, sealed: str) -> str:
        """The address that was sealed for this tenant; SealError when the text was altered or sealed by another key."""
        cipher = self._cipher(tenant)
        try:
            data = base64.b64decode(sealed.encode("ascii"), altchars=b"-_", validate=True)
            return cipher.decrypt(data, [tenant.encode()]).decode()
        except (InvalidTag, ValueError, binascii.Error):
            raise SealError(f"tenant {tenant}: this is not an address sealed with its key") from None

    def __repr__(self) -> str:
        return f"Sealer({', '.join(self._ciphers)})"

    def _cipher(self, tenant: str) -> AESSIV:
        try:
            return self._ciphers[tenant]
        except KeyError:
            raise SealError(f"tenant {tenant}: no seal key is configured") from None
