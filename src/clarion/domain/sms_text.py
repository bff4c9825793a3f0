"""How long a text message is: its alphabet, and in how many segments it is carried and billed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

#: Of one message; more are refused before any provider is asked.
MOST_SEGMENTS = 10

#: 3GPP TS 23.038 §6.2.1, the default alphabet, in the order of its codes; its code 27 is the escape, no character.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
#: §6.2.1.1: each is written as the escape and a code, so it takes two septets.
EXTENSION = "\f^{}\\[~]|€"

_ESCAPE = "\x1b"
_ESCAPED = str.maketrans({character: f"{_ESCAPE}{character}" for character in EXTENSION})
_GSM = re.compile(f"[{re.escape(BASIC + EXTENSION)}]*")

_HIGH_SURROGATES = range(0xD8, 0xDC)


class Alphabet(StrEnum):
    """How a message's characters are written."""

    GSM = "GSM 03.38"  #: seven bits each, those of the extension table fourteen
    UCS2 = "UCS-2"  #: sixteen bits each, those beyond the basic plane thirty-two


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSize:
    """What one message takes."""

    alphabet: Alphabet
    #: Septets of GSM 03.38, or units of sixteen bits.
    units: int
    #: How many messages of the network carry it.
    segments: int


def measure(text: str) -> SmsSize:
    """The size of *text*: in GSM 03.38 when all its characters are in it, in UCS-2 otherwise.

    One segment holds 160 septets or 70 units; where there are several, a header leaves each 153 or 67. What takes two
    is never cut in half: it goes into the next segment whole.
    """
    if _GSM.fullmatch(text):
        septets = text.translate(_ESCAPED)
        units = len(septets)
        segments = 1 if units <= 160 else _fill(units, 153, lambda last: septets[last] == _ESCAPE)
        return SmsSize(alphabet=Alphabet.GSM, units=units, segments=segments)
    octets = text.encode("utf-16-be", "surrogatepass")
    units = len(octets) // 2
    segments = 1 if units <= 70 else _fill(units, 67, lambda last: octets[2 * last] in _HIGH_SURROGATES)
    return SmsSize(alphabet=Alphabet.UCS2, units=units, segments=segments)


def _fill(units: int, room: int, begins_a_pair: Callable[[int], bool]) -> int:
    """How many segments of *room* units it takes when none may end with a unit that begins a pair."""
    segments = start = 0
    while start < units:
        end = start + room
        if end < units and begins_a_pair(end - 1):
            end -= 1
        start, segments = end, segments + 1
    return segments
