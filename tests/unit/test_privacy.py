"""Personal data: masked when printed, one token per identifier and key, states and zones by area code."""

from __future__ import annotations

import hashlib
import hmac
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, strategies as st

from streams.domain.events import Customer
from streams.domain.privacy import Address, Pseudonyms, TenantKey, uf_of_phone, zone_of_phone
from streams.domain.recount_addresses import one_spelling, refusal_of

PHONE = "+5585997465553"
KEY, OLD_KEY = b"k" * 32, b"o" * 32


def pseudonyms(previous: bytes | None = None) -> Pseudonyms:
    return Pseudonyms({"acme": TenantKey(KEY, previous), "twin": TenantKey(KEY)})


@pytest.mark.parametrize(
    "text",
    [
        PHONE,
        " 5585997465553 ",
        "+55 (85) 99746-5553",
        "00558599746.5553",
        "tel:+55-85-99746-5553",
        "+55 (0)85 99746-5553",
        "(85) 99746-5553",
        "085 99746 5553",
        "0 15 85 99746-5553",  # by carrier 15
    ],
)
def test_one_number_written_in_many_ways_is_one_address(text: str) -> None:
    """Punctuation, a missing plus, the 00 prefix, the way of dialling make no difference, nor to the recount."""
    address = Address(text)
    assert one_spelling(text) == PHONE
    assert (address.kind, address.reveal()) == ("phone", PHONE)
    assert address == Address(PHONE)
    assert len({address, Address(PHONE)}) == 1


@pytest.mark.parametrize(
    ("text", "kind", "revealed"),
    [
        (" Ana.Lima@Example.COM ", "mailbox", "ana.lima@example.com"),
        ("@AnaLima", "handle", "@AnaLima"),
        ("1234", "handle", "1234"),
        ("12345", "handle", "12345"),
        ("190", "handle", "190"),
        ("99746-5553", "handle", "99746-5553"),  # of which area nobody knows
        ("+351 912 345 678", "phone", "+351912345678"),
        ("+999 123", "handle", "+999 123"),
        ("0800 123 4567", "phone", "+558001234567"),
        ("1234567890123456", "handle", "1234567890123456"),
        ("two words@example.com", "handle", "two words@example.com"),
        ("٠١٢٣٤٥٦٧٨٩", "handle", "٠١٢٣٤٥٦٧٨٩"),
    ],
)
def test_an_address_is_a_phone_a_mailbox_or_a_handle(text: str, kind: str, revealed: str) -> None:
    """A phone is what can be called from Brazil; what is neither phone nor mailbox is kept as given."""
    address = Address(text)
    assert (address.kind, address.reveal()) == (kind, revealed)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        (PHONE, None),
        ("(85) 3333-4444", None),
        ("+351 912 345 678", None),
        ("ana@example.com", "not_a_phone"),
        ("@ana85", "not_a_phone"),
        ("()", "not_a_phone"),
        ("anonymous", "not_a_phone"),
        ("99746-5553", "no_area_code"),
        ("3333-4444", "no_area_code"),
        ("+55 3333-4444", "no_area_code"),
        ("0055 99746-5553", "no_area_code"),
        ("190", "impossible_number"),
        ("85 3333", "impossible_number"),
        ("+55 85 3333", "impossible_number"),
        ("+55 85 99746-55530", "impossible_number"),
        ("00000000000", "impossible_number"),
        ("1234567890123456", "impossible_number"),
    ],
)
def test_what_cannot_be_called_is_refused_with_a_reason(text: str, refusal: str | None) -> None:
    """And the recount, which reads numbers by a rule of its own, gives the same."""
    assert Address(text).refusal == refusal
    assert refusal_of(one_spelling(text)) == refusal
    assert (Address(text).kind == "phone") == (refusal is None)


@example(prefix="0", area="85", subscriber="9100000000")
@given(
    prefix=st.sampled_from(["", "0", "+55", "+55 0", "0055 "]),
    area=st.sampled_from(["", "85", "(11)", "8"]),
    subscriber=st.from_regex(r"([2-8]|9[1-9])[0-9]{0,6}-?[0-9]{0,4}", fullmatch=True),
)
def test_the_recount_refuses_the_same_numbers_of_brazil(prefix: str, area: str, subscriber: str) -> None:
    """However much or little of one somebody typed."""
    text = f"{prefix}{area} {subscriber}"
    assert refusal_of(one_spelling(text)) == Address(text).refusal


@pytest.mark.parametrize("text", [PHONE, "ana.lima@example.com", "@ana.lima"])
def test_an_address_prints_masked_however_it_is_printed(text: str) -> None:
    """At most the last two digits of a phone, nothing of anything else."""
    address = Address(text)
    for printed in (str(address), repr(address), f"{address}", f"{address!r}", "%s" % address):  # noqa: UP031 - the form under test
        assert "ana" not in printed
        assert "974655" not in printed
        assert "553" not in printed


def test_only_a_phone_shows_its_last_two_digits() -> None:
    """Digits at the end of a mailbox or handle stay hidden."""
    assert Address(PHONE).last_digits() == "53"
    assert Address("ana85@example.com").last_digits() == ""
    assert Address("@ana85").last_digits() == ""


def test_an_address_equals_nothing_but_an_address() -> None:
    """Comparing with the bare text does not tell."""
    assert Address(PHONE) != PHONE


def test_a_token_is_a_keyed_hash_of_the_normalised_address() -> None:
    """128 bits of HMAC-SHA256 in lower-case hex: a slug that needs the key to be linked to a number."""
    expected = hmac.new(KEY, b"address\0acme\0" + PHONE.encode(), hashlib.sha256).hexdigest()[:32]
    tokens = pseudonyms().tokens("acme", Customer(address="55 85 99746-5553"))
    assert tokens.primary == expected
    assert tokens.all == (expected,)


def test_every_identifier_and_active_key_gives_a_token() -> None:
    """During a rotation address and id each have two; the primary one is the address's under the current key."""
    customer = Customer(address=PHONE, id="C-42")
    before, during = pseudonyms().tokens("acme", customer), pseudonyms(OLD_KEY).tokens("acme", customer)
    assert len(set(during.all)) == 4
    assert during.primary == before.primary == before.all[0]
    assert during.all[:2] == before.all
    assert set(during.all[2:]) == set(Pseudonyms({"acme": TenantKey(OLD_KEY)}).tokens("acme", customer).all)


def test_a_customer_known_by_id_alone_has_no_primary_token() -> None:
    """There is nothing to dial."""
    tokens = pseudonyms().tokens("acme", Customer(id="C-42"))
    assert tokens.primary is None
    assert len(tokens.all) == 1


def test_an_unknown_customer_has_no_tokens() -> None:
    """Neither has any customer of a tenant without a key."""
    assert pseudonyms().tokens("acme", Customer()) == (None, ())
    assert pseudonyms().tokens("keyless", Customer(address=PHONE)) == (None, ())


def test_the_same_text_as_address_and_as_id_gives_two_tokens() -> None:
    """The kinds of identifier do not mix, and neither do tenants that share a key by mistake."""
    tokens = pseudonyms().tokens("acme", Customer(address=PHONE, id=PHONE))
    assert tokens.all[0] != tokens.all[1]
    assert pseudonyms().tokens("twin", Customer(address=PHONE)).primary != tokens.primary


def test_a_key_never_prints() -> None:
    """The repr of a key holds none of it."""
    assert repr(TenantKey(KEY, OLD_KEY)) == "TenantKey()"


@pytest.mark.parametrize(
    ("text", "uf", "zone"),
    [
        ("+5511987654321", "SP", "America/Sao_Paulo"),
        ("+558532165553", "CE", "America/Fortaleza"),
        ("+5592987654321", "AM", "America/Manaus"),
        ("+5597987654321", "AM", "America/Eirunepe"),
        ("+5568987654321", "AC", "America/Rio_Branco"),
        ("+5520987654321", None, None),
        ("+558001234567", None, None),
        ("+5540041234", None, None),
        ("+351912345678", None, None),
        ("ana@example.com", None, None),
    ],
)
def test_the_area_code_of_a_brazilian_number_tells_state_and_zone(text: str, uf: str | None, zone: str | None) -> None:
    """Toll-free numbers, unused codes and other countries tell nothing."""
    assert uf_of_phone(Address(text)) == uf
    assert zone_of_phone(Address(text)) == zone


def test_all_sixty_seven_area_codes_lead_to_a_real_zone() -> None:
    """Brazil has 67 codes over 27 federative units."""
    numbers = [Address(f"+55{ddd}987654321") for ddd in range(10, 100)]
    units = [uf for uf in map(uf_of_phone, numbers) if uf]
    assert (len(units), len(set(units))) == (67, 27)
    assert all(ZoneInfo(zone) for zone in map(zone_of_phone, numbers) if zone)


@given(st.text(max_size=320))
def test_any_text_is_an_address_and_stays_masked(text: str) -> None:
    """Nothing a source sends breaks it, normalising twice changes nothing, and two digits at most get out."""
    address = Address(text)
    assert Address(address.reveal()) == address
    assert sum(character.isdigit() for character in repr(address)) <= 2
