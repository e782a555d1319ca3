"""Personal data has a type: addresses that print masked, and the tokens and sealed texts that travel in their place.

Raw addresses exist only in input topics, dial jobs and dead letters. Everywhere else a customer is a token: a keyed
HMAC that nobody without the tenant's key can link to a number, not even by trying every number there is.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Literal, NamedTuple, Protocol, get_args

import phonenumbers

from streams.domain.events import Customer

AddressKind = Literal["phone", "mailbox", "handle"]
Refusal = Literal["no_address", "not_a_phone", "no_area_code", "impossible_number"]
REFUSALS: Final[tuple[Refusal, ...]] = get_args(Refusal)
"""Why nobody can be called at what a customer gave: nothing was given (a withheld number); a mailbox or handle; a
number that only rings somewhere, of which the area is not told; digits that no telephone has. A closed list."""

_PHONE: Final = re.compile(r"(?:tel:)?(\+|00)?([0-9 ().\-]+)", re.ASCII)
_E164_OF_BRAZIL: Final = re.compile(r"\+55[1-9][0-9]{9,10}", re.ASCII)
_NOT_DIGITS: Final = re.compile(r"[^0-9]")
_HOME: Final = "BR"
_MAILBOX: Final = re.compile(r"[^@\s]+@[^@\s]+")
_FEWEST_PHONE_DIGITS: Final = 5
_MOST_PHONE_DIGITS: Final = 15  # E.164
_LOCAL_OF_BRAZIL: Final = re.compile(r"\+55[1-9][0-9]{7,8}", re.ASCII)
_TOKEN_BYTES: Final = 16
_BRAZIL: Final = re.compile(r"\+55([1-9][0-9])[0-9]{8,9}", re.ASCII)

_DDDS_OF_UF: Final = {
    "AC": "68", "AL": "82", "AM": "92 97", "AP": "96", "BA": "71 73 74 75 77", "CE": "85 88", "DF": "61",
    "ES": "27 28", "GO": "62 64", "MA": "98 99", "MG": "31 32 33 34 35 37 38", "MS": "67", "MT": "65 66",
    "PA": "91 93 94", "PB": "83", "PE": "81 87", "PI": "86 89", "PR": "41 42 43 44 45 46", "RJ": "21 22 24",
    "RN": "84", "RO": "69", "RR": "95", "RS": "51 53 54 55", "SC": "47 48 49", "SE": "79",
    "SP": "11 12 13 14 15 16 17 18 19", "TO": "63",
}  # fmt: skip
_UF_OF_DDD: Final = {ddd: uf for uf, ddds in _DDDS_OF_UF.items() for ddd in ddds.split()}
"""Area code to federative unit, ANATEL's numbering plan. 61 also serves towns of GO around the capital."""

_UFS_OF_ZONE: Final = {
    "America/Araguaina": "TO",
    "America/Bahia": "BA",
    "America/Belem": "AP PA",
    "America/Boa_Vista": "RR",
    "America/Campo_Grande": "MS",
    "America/Cuiaba": "MT",
    "America/Fortaleza": "CE MA PB PI RN",
    "America/Maceio": "AL SE",
    "America/Manaus": "AM",
    "America/Porto_Velho": "RO",
    "America/Recife": "PE",
    "America/Rio_Branco": "AC",
    "America/Sao_Paulo": "DF ES GO MG PR RJ RS SC SP",
}
_ZONE_OF_UF: Final = {uf: zone for zone, ufs in _UFS_OF_ZONE.items() for uf in ufs.split()}
_WESTERN_AMAZONAS: Final = ("97", "America/Eirunepe")
"""Area code 97 spans UTC-4 and UTC-5; the western hour stands for it."""


class Address:
    """Where a customer can be reached; prints masked, and only ``reveal`` gives the text.

    Phones are E.164, however they were written: nationally as in Brazil, with a carrier's code, with ``+`` or ``00``.
    Mailboxes are lower case, anything else is a handle, kept as given: a local number without its area code too, which
    nobody could call. Equal addresses are equal after that. ``refusal`` says why it is no phone, None for one.
    """

    __slots__ = ("_text", "kind", "refusal")

    kind: AddressKind
    refusal: Refusal | None

    def __init__(self, text: str) -> None:
        self.kind, self._text, self.refusal = _normalised(text.strip())

    def reveal(self) -> str:
        """The address itself: for the sealer and the dial job, nowhere else."""
        return self._text

    def last_digits(self) -> str:
        """The last two digits of a phone; nothing of a mailbox or handle."""
        return self._text[-2:] if self.kind == "phone" else ""

    def __str__(self) -> str:
        return f"***{self.last_digits()}"

    def __repr__(self) -> str:
        return f"Address({self.kind} {self})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Address) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def _normalised(text: str) -> tuple[AddressKind, str, Refusal | None]:
    if _E164_OF_BRAZIL.fullmatch(text):
        return "phone", text, None
    number, refusal = _dialled(text)
    if refusal is None:
        return "phone", number, None
    if _MAILBOX.fullmatch(text):
        return "mailbox", text.lower(), refusal
    return "handle", text, refusal


@lru_cache(maxsize=10_000)
def _dialled(text: str) -> tuple[str, Refusal | None]:
    """The E.164 form of what somebody in Brazil would dial; why there is none for what cannot be a number to call."""
    phone = _PHONE.fullmatch(text)
    digits = _NOT_DIGITS.sub("", phone[2]) if phone else ""
    if phone is None or not digits:
        return "", "not_a_phone"
    if not _FEWEST_PHONE_DIGITS <= len(digits) <= _MOST_PHONE_DIGITS:
        return "", "impossible_number"
    try:
        number = phonenumbers.parse(f"+{digits}" if phone[1] else digits, _HOME)
    except phonenumbers.NumberParseException:
        return "", "impossible_number"
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if _LOCAL_OF_BRAZIL.fullmatch(written):
        return "", "no_area_code"
    possible = phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
    is_whole = not written.startswith("+55") or _E164_OF_BRAZIL.fullmatch(written)
    return (written, None) if possible and is_whole else ("", "impossible_number")


@dataclass(frozen=True, slots=True)
class TenantKey:
    """The secret behind one tenant's tokens; ``previous`` stays active while a rotation is under way."""

    current: bytes = field(repr=False)
    previous: bytes | None = field(default=None, repr=False)


class Tokens(NamedTuple):
    """What stands for a customer. ``primary`` is the address's token under the current key, None without an address;
    ``all`` holds one token per identifier and active key, those under the current key first."""

    primary: str | None
    all: tuple[str, ...]


class Pseudonyms:
    """Customer identifiers to tokens, under each tenant's own key."""

    def __init__(self, keys: Mapping[str, TenantKey]) -> None:
        self._keys = dict(keys)

    def tokens(self, tenant: str, customer: Customer) -> Tokens:
        """Tokens of 32 lower-case hex digits; none for a tenant that has no key."""
        key = self._keys.get(tenant)
        if key is None:
            return Tokens(None, ())
        inputs = [
            f"{domain}\0{tenant}\0{text}".encode()
            for domain, text in (("address", _address_text(customer)), ("id", customer.id))
            if text is not None
        ]
        secrets = (key.current,) if key.previous is None else (key.current, key.previous)
        tokens = tuple(_token(secret, identifier) for secret in secrets for identifier in inputs)
        return Tokens(tokens[0] if customer.address is not None else None, tokens)


def _address_text(customer: Customer) -> str | None:
    return None if customer.address is None else Address(customer.address).reveal()


def _token(secret: bytes, identifier: bytes) -> str:
    return hmac.digest(secret, identifier, hashlib.sha256)[:_TOKEN_BYTES].hex()


class Sealer(Protocol):
    """Encrypts addresses under each tenant's key. The same address gives the same text, so that repeats are equal."""

    def seal(self, tenant: str, address: str) -> str:
        """The sealed form of a revealed address."""
        ...

    def open(self, tenant: str, sealed: str) -> str:
        """The address again; a FilavivaError when the tenant's key does not open it."""
        ...


def uf_of_phone(address: Address) -> str | None:
    """The federative unit of a Brazilian number's area code (DDD); None for any other address."""
    found = _BRAZIL.fullmatch(address.reveal())
    return _UF_OF_DDD.get(found[1]) if found else None


def zone_of_phone(address: Address) -> str | None:
    """The IANA zone of a Brazilian number's area code; None for any other address."""
    uf = uf_of_phone(address)
    if uf is None:
        return None
    ddd, western = _WESTERN_AMAZONAS
    return western if address.reveal().startswith(f"+55{ddd}") else _ZONE_OF_UF[uf]
