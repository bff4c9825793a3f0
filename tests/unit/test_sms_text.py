"""How long an SMS is: counted as the network counts, which bills each segment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.sms_text import BASIC, EXTENSION, Alphabet, measure

GSM, UCS2 = Alphabet.GSM, Alphabet.UCS2


def test_the_default_alphabet_has_as_many_characters_as_the_standard_says() -> None:
    assert len(set(BASIC)) == len(BASIC) == 127  # of 128 codes, one is the escape
    assert len(set(EXTENSION)) == len(EXTENSION) == 10
    assert not set(BASIC) & set(EXTENSION)
    # By their codes in 3GPP TS 23.038 §6.2.1.
    with_escape = BASIC[:27] + "\x1b" + BASIC[27:]
    codes = {0: "@", 1: "£", 9: "Ç", 16: "Δ", 32: " ", 36: "¤", 48: "0", 64: "¡", 65: "A", 96: "¿", 97: "a", 127: "à"}
    assert {code: with_escape[code] for code in codes} == codes


@pytest.mark.parametrize(
    ("text", "alphabet", "units", "segments"),
    [
        ("", GSM, 0, 1),
        ("Hello", GSM, 5, 1),
        ("a" * 160, GSM, 160, 1),
        ("a" * 161, GSM, 161, 2),
        ("a" * 306, GSM, 306, 2),
        ("a" * 307, GSM, 307, 3),
        ("a" * 1530, GSM, 1530, 10),
        ("a" * 1531, GSM, 1531, 11),
        ("€" * 80, GSM, 160, 1),
        ("€" * 81, GSM, 162, 2),
        ("a" * 152 + "€" + "a" * 152, GSM, 306, 3),  # the euro does not fit into the first, so that one is 152 long
        ("a" * 151 + "€" + "a" * 153, GSM, 306, 2),
        ("[" * 76 * 2, GSM, 304, 2),  # 152 of 153 septets are used
        ("[" * 76 * 2 + "a", GSM, 305, 2),
        ("[" * 76 * 2 + "aa", GSM, 306, 3),
        ("äöüßÄÖÜñàèéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæÉ¡¿§£$¥@\r\n", GSM, 41, 1),
        ("ç", UCS2, 1, 1),  # the small one is not in the table, the capital is
        ("“Hello”", UCS2, 7, 1),
        ("\t", UCS2, 1, 1),
        ("\x1b", UCS2, 1, 1),  # the escape is no character of its own
        ("й" * 70, UCS2, 70, 1),
        ("й" * 71, UCS2, 71, 2),
        ("й" * 134, UCS2, 134, 2),
        ("й" * 135, UCS2, 135, 3),
        ("й" * 670, UCS2, 670, 10),
        ("й" * 671, UCS2, 671, 11),
        ("😀" * 35, UCS2, 70, 1),
        ("😀" * 36, UCS2, 72, 2),
        ("й" * 66 + "😀" + "й" * 66, UCS2, 134, 3),  # the emoji is not cut in half
        ("й" * 65 + "😀" + "й" * 67, UCS2, 134, 2),
    ],
)
def test_what_it_takes(text: str, alphabet: Alphabet, units: int, segments: int) -> None:
    size = measure(text)
    assert (size.alphabet, size.units, size.segments) == (alphabet, units, segments)


def _plainly(text: str) -> tuple[Alphabet, int, int]:
    """The same, one character after the other."""
    if all(character in BASIC + EXTENSION for character in text):
        alphabet, whole, part = GSM, 160, 153
        sizes = [2 if character in EXTENSION else 1 for character in text]
    else:
        alphabet, whole, part = UCS2, 70, 67
        sizes = [2 if ord(character) > 0xFFFF else 1 for character in text]
    if sum(sizes) <= whole:
        return alphabet, sum(sizes), 1
    segments, room = 1, part
    for size in sizes:
        if size > room:
            segments, room = segments + 1, part
        room -= size
    return alphabet, sum(sizes), segments


@given(
    st.one_of(
        st.text(max_size=400),
        st.text(BASIC[:40] + EXTENSION * 3, min_size=140, max_size=1_000),
        st.text("aй😀€“", min_size=60, max_size=800),
        st.lists(st.sampled_from(["a" * 75, "€", "й", "😀", "[" * 38])).map("".join),
    )
)
def test_it_is_as_counting_one_by_one(text: str) -> None:
    size = measure(text)
    assert (size.alphabet, size.units, size.segments) == _plainly(text)


@given(st.text(max_size=300), st.text(max_size=300))
def test_more_text_never_takes_less(one: str, more: str) -> None:
    assert measure(one + more).segments >= measure(one).segments
    assert measure(one + more).units >= measure(one).units
