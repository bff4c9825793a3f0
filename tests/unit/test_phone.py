"""Telephone numbers: one spelling of each, and a reason for every one that is refused."""

from __future__ import annotations

import subprocess
import sys

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from clarion.domain import phone
from clarion.domain.phone import parse_phone
from clarion.errors import Invalid

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)
ORDINARY = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE)


def refused(text: str) -> str:
    with pytest.raises(Invalid) as caught:
        parse_phone(text)
    assert caught.value.code == "invalid_phone"
    assert caught.value.message.startswith("This is not a usable phone number: ")
    return caught.value.message


def example_number(region: str, kind: int) -> str | None:
    number = phonenumbers.example_number_for_type(region, kind)
    return phonenumbers.format_number(number, PhoneNumberFormat.E164) if number else None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("+31612345678", "+31612345678"),
        ("+31 6 1234 5678", "+31612345678"),
        ("+31-6-12.34.56.78", "+31612345678"),
        ("+1 (202) 555-0143", "+12025550143"),
        ("+44 (0)20 7946 0018", "+442079460018"),
        ("+4402079460018", "+442079460018"),
        ("+39 06 698 12345", "+390669812345"),  # the zero is part of the number
        ("+15551234567", "+15551234567"),  # nobody's, but it has the right length
        ("+8821612345678", "+8821612345678"),  # a satellite's
    ],
)
def test_numbers_are_kept_in_one_form(text: str, kept: str) -> None:
    assert parse_phone(text) == kept
    assert parse_phone(kept) == kept


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0612345678", "it does not say the country; begin with + and the code, for example +31612345678"),
        ("612345678", "it does not say the country"),
        ("31612345678", "it does not say the country"),
        ("0031612345678", "put + in place of the 00"),
        ("", "it does not say the country"),
        ("+", "no letters, no extension"),
        ("+1-800-FLOWERS", "no letters, no extension"),
        ("+1 202 555 0143 ext. 9", "no letters, no extension"),
        ("+31612345678;ext=9", "no letters, no extension"),
        ("+31612345678, +31612345679", "no letters, no extension"),
        ("+٣١٦١٢٣٤٥٦٧٨", "no letters, no extension"),
        ("+3161234567\n8", "no letters, no extension"),
        ("+3161234567\x00", "no letters, no extension"),
        ("tel:+31612345678", "it does not say the country"),
        (" +31612345678", "there is white space around it"),
        ("+31612345678\n", "there is white space around it"),
        ("+31612345678" + "9" * 100, "it is too long; give exactly one number"),
        ("+3161234567890123", "it has 16 digits, where 7 to 15 are possible"),
        ("+3161", "it has 4 digits, where 7 to 15 are possible"),
        ("+0612345678", "no country has the code"),
        ("+999123456789", "no country has the code"),
        ("+3361234567", "numbers of +33 are not that long or short"),
        ("+1202555014", "numbers of +1 are not that long or short"),
        ("+19002345678", "it is a premium-rate number, where the sender pays"),
        ("+1 900 123 4567", "it is a premium-rate number"),  # no such number is given out, but the area is known
        ("+449098790000", "it is a premium-rate number"),
        ("+979123456789", "it is a premium-rate number"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(text: str, why: str) -> None:
    assert why in refused(text)


@pytest.mark.parametrize("region", REGIONS)
def test_what_each_country_has(region: str) -> None:
    """Ordinary numbers stay as they are, the first time and when their country is known; premium ones are refused."""
    found = [number for kind in ORDINARY if (number := example_number(region, kind))]
    assert found
    for number in found * 2:
        assert parse_phone(number) == number
    premium = example_number(region, PhoneNumberType.PREMIUM_RATE)
    if premium is not None:
        assert "premium" in refused(premium)


@settings(max_examples=250, deadline=None)
@given(
    st.sampled_from(sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)), st.text("0123456789", min_size=4, max_size=12)
)
@example(7, "8001234567")
@example(44, "07911123456")
@example(39, "0669812345")
def test_what_is_ordinary_at_once_is_so_in_the_long_way(code: int, rest: str) -> None:
    for region in phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]:
        if number := example_number(region, PhoneNumberType.MOBILE):
            parse_phone(number)  # from here on the country is known
    text = f"+{code}{rest}"
    try:
        slowly: str | None = phone._parse_unusual(text)
    except Invalid:
        slowly = None
    try:
        quickly: str | None = parse_phone(text)
    except Invalid:
        quickly = None
    assert quickly == slowly
    if slowly is not None:
        assert parse_phone(slowly) == slowly
        assert phonenumbers.number_type(phonenumbers.parse(slowly)) != PhoneNumberType.PREMIUM_RATE


def test_programs_that_meet_no_number_do_not_load_the_tables() -> None:
    code = "import sys, clarion.domain.phone; sys.exit('phonenumbers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
