"""Telephone numbers: one form in which they are stored, compared and sent, and which ones are refused.

What cannot be used is refused with a reason, as with addresses of mail: a message to another number than the one meant
is worse than none, and one to a premium-rate number is billed to whoever sends it.
"""

from __future__ import annotations

import re

from clarion.errors import Invalid

#: Digits with the country's code, ITU-T E.164 §6.2.1; the least that any country has.
MOST_DIGITS = 15
FEWEST_DIGITS = 7

#: As people write it: the marks that RFC 3966 §5.1.1 calls visual separators, and blanks.
_WRITTEN = re.compile(r"\+[0-9 ().-]{1,40}")
_SEPARATORS = str.maketrans("", "", " ().-")

#: The whole area code, whichever numbers in it are given out today.
_PREMIUM_AREAS = re.compile(r"\+1(?:900|976)")

_EXAMPLE = "for example +31612345678"

#: By country's code: its numbers that need no second look. Filled as countries are met.
_ordinary: dict[str, re.Pattern[str]] = {}


def parse_phone(text: str) -> str:
    """The number *text* in E.164 form (``+31 6 1234-5678`` → ``+31612345678``), as it is stored, compared and sent.

    Blanks and the marks ``( ) . -`` between the digits are left out, and so is a national prefix that somebody wrote
    behind the country's code. Applying it twice changes nothing. Numbers that no one seems to have are accepted, for
    plans change faster than tables: their length must be one that the country has.

    Raises `Invalid` (code ``invalid_phone``) for everything else: no + and country's code first, letters, extensions,
    codes and lengths that do not exist, and premium-rate numbers.
    """
    # Codes are prefix-free: at most one of these is one.
    for length in (2, 1, 3):
        numbers = _ordinary.get(text[1 : 1 + length])
        if numbers is not None and numbers.fullmatch(text):
            return text
    return _parse_unusual(text)


def country_of(phone: str) -> str | None:
    """The country of a number in E.164 form, in two letters (ISO 3166): ``NL``; None where it has none of its own."""
    import phonenumbers

    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(phone, None))
    except phonenumbers.NumberParseException:
        return None


def _parse_unusual(text: str) -> str:
    """The long way: all that is not known to be ordinary."""
    digits = _digits(text)
    # Imported late: most programs never meet a number, and it is not small.
    import phonenumbers
    from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

    try:
        number = phonenumbers.parse(digits, None)
    except NumberParseException as error:
        if error.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            raise _invalid("no country has the code that it begins with; check the digits behind the +") from None
        raise _invalid(f"write it in full, {_EXAMPLE}") from None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if phonenumbers.number_type(number) == PhoneNumberType.PREMIUM_RATE or _PREMIUM_AREAS.match(e164):
        raise _invalid(
            "it is a premium-rate number, where the sender pays by the message; such numbers are refused, "
            "so give an ordinary one"
        )
    if phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        raise _invalid(f"numbers of +{number.country_code} are not that long or short; write all its digits")
    if e164 != digits and not phonenumbers.is_valid_number(number):
        raise _invalid(f"it cannot be told whether a digit behind +{number.country_code} is one too many; leave out 0s")
    _learn(str(number.country_code))
    return e164


def _digits(text: str) -> str:
    """*text* without its separators; raises `Invalid` for what has not the shape of an international number."""
    if not _WRITTEN.fullmatch(text):
        if text != text.strip():
            raise _invalid("there is white space around it")
        if text and text[0] != "+" and not any(character.isdigit() for character in text):
            raise _invalid(f"it has no digits; write a number in full, {_EXAMPLE}; an address of mail has an @")
        if not text.startswith("+"):
            how = "put + in place of the 00" if text.startswith("00") else "begin with + and the code"
            raise _invalid(f"it does not say the country; {how}, {_EXAMPLE}")
        if len(text) > 41:
            raise _invalid("it is too long; give exactly one number")
        raise _invalid(f"behind the + it may hold 0-9, blanks and ( ) . - only, {_EXAMPLE}; no letters, no extension")
    digits = text.translate(_SEPARATORS)
    if not FEWEST_DIGITS <= len(digits) - 1 <= MOST_DIGITS:
        raise _invalid(f"it has {len(digits) - 1} digits, where {FEWEST_DIGITS} to {MOST_DIGITS} are possible")
    return digits


def _learn(code: str) -> None:
    """Keep what the ordinary numbers of one country's code look like: mobile or fixed line, and at no extra charge."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

    known, premium = [], []
    for region in COUNTRY_CODE_TO_REGION_CODE[int(code)]:
        plan = PhoneMetadata.metadata_for_region(region)
        if plan is None:  # a code of no country, such as that of satellites
            return
        known += [kind.national_number_pattern for kind in (plan.mobile, plan.fixed_line) if kind]
        premium += [plan.premium_rate.national_number_pattern] if plan.premium_rate else []
    _ordinary[code] = re.compile(rf"\+{code}{_none_of(premium)}(?:{'|'.join(filter(None, known))})")


def _none_of(patterns: list[str | None]) -> str:
    listed = "|".join(filter(None, patterns))
    return rf"(?!(?:{listed})\Z)" if listed else ""


def _invalid(reason: str) -> Invalid:
    return Invalid(f"This is not a usable phone number: {reason}", code="invalid_phone")
