"""Sealed addresses: the same text every time, opened only by the tenant whose key sealed them."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, strategies as st

from streams.domain import privacy
from streams.errors import FilavivaError
from streams.sealing import Sealer, SealError

ADDRESS = "+5585997465553"
ACME_KEY, OTHER_KEY = bytes(range(64)), bytes(range(64, 128))


def sealer() -> privacy.Sealer:
    return Sealer({"acme": ACME_KEY, "other": OTHER_KEY, "twin": ACME_KEY})


@given(st.text(min_size=1, max_size=320).filter(lambda text: text.isprintable()))
def test_what_is_sealed_opens_again(address: str) -> None:
    """For any address, and two sealers with one key agree on the text."""
    sealed = sealer().seal("acme", address)
    assert sealer().open("acme", sealed) == address
    assert sealer().seal("acme", address) == sealed


def test_sealed_text_shows_no_address_and_fits_anywhere() -> None:
    """URL-safe base64 of the 16-byte tag and the cipher text, nothing of the address itself."""
    sealed = sealer().seal("acme", ADDRESS)
    raw = base64.urlsafe_b64decode(sealed)
    assert len(raw) == 16 + len(ADDRESS)
    assert ADDRESS.encode() not in raw


def test_a_known_address_seals_to_a_known_text() -> None:
    """The format is what plans on disk hold; a change of it would orphan them."""
    assert sealer().seal("acme", ADDRESS) == "qZJiNwMOs_PEB_k7yNkE_EOfRx4gDnuyr7mgRfZm"


@pytest.mark.parametrize("tenant", ["other", "twin"])
def test_another_tenant_cannot_open_it(tenant: str) -> None:
    """Neither with another key nor, the name being authenticated, with the same one."""
    with pytest.raises(SealError, match="not an address sealed with its key"):
        sealer().open(tenant, sealer().seal("acme", ADDRESS))


def test_altered_text_does_not_open() -> None:
    """Every single changed character, a cut, and text that is no base64 at all."""
    sealed = sealer().seal("acme", ADDRESS)
    altered = [sealed[:at] + ("B" if sealed[at] == "A" else "A") + sealed[at + 1 :] for at in range(len(sealed) - 3)]
    for text in [*altered, sealed[:-4], sealed + "AAAA", sealed[:-1] + "!", "", "á", "AAAA"]:
        with pytest.raises(SealError):
            sealer().open("acme", text)


def test_a_tenant_without_a_key_is_named() -> None:
    """The error says which tenant, and belongs to our own tree."""
    with pytest.raises(SealError, match="tenant nobody: no seal key is configured"):
        sealer().seal("nobody", ADDRESS)
    assert issubclass(SealError, FilavivaError)


def test_an_empty_address_is_refused() -> None:
    """There is nothing to dial."""
    with pytest.raises(SealError, match="no address to seal"):
        sealer().seal("acme", "")


def test_errors_and_reprs_hold_neither_address_nor_key() -> None:
    """An error may reach a log."""
    sealed = sealer().seal("acme", ADDRESS)
    with pytest.raises(SealError) as caught:
        sealer().open("other", sealed)
    assert sealed not in str(caught.value)
    assert caught.value.__suppress_context__
    assert repr(sealer()) == "Sealer(acme, other, twin)"
