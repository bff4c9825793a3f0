"""Lengths of time: what people write, and what is refused with a reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.duration import LONGEST, parse_duration, show_duration
from clarion.errors import Invalid


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0s", timedelta(0)),
        ("5s", timedelta(seconds=5)),
        ("10m", timedelta(minutes=10)),
        ("3h", timedelta(hours=3)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(days=7)),
        ("1h30m", timedelta(minutes=90)),
        ("1.5h", timedelta(minutes=90)),
        ("250ms", timedelta(milliseconds=250)),
        ("5m250ms", timedelta(minutes=5, milliseconds=250)),
        (" 5s ", timedelta(seconds=5)),
        ("366d", LONGEST),
        ("PT5S", timedelta(seconds=5)),
        ("P1DT2H", timedelta(hours=26)),
        ("P2W", timedelta(days=14)),
        ("PT0.5S", timedelta(milliseconds=500)),
    ],
)
def test_reads_what_people_write(text: str, length: timedelta) -> None:
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "write for example"),
        ("5", "did you mean 5s?"),
        ("x", "write for example"),
        ("-5s", "cannot be negative"),
        ("5 s", "write for example"),
        ("5S", "write for example"),
        ("30m1h", "write for example"),
        ("5s5s", "write for example"),
        ("367d", "at most 366d"),
        ("366d1ms", "at most 366d"),
        ("999999999999d", "at most 366d"),
        ("P1Y", "write for example"),
        ("P", "write for example"),
        ("P1DT", "write for example"),
        ("PT", "write for example"),
        ("1:30", "write for example"),
        ("\N{ARABIC-INDIC DIGIT FIVE}s", "write for example"),
        ("5s\x00", "write for example"),
        ("9" * 10_000 + "s", "write for example"),
        ("1e3s", "write for example"),
        ("nan", "write for example"),
    ],
)
def test_says_why_not(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=r"length of time|too long") as caught:
        parse_duration(text)
    assert why in caught.value.message
    assert caught.value.code == "invalid_duration"
    assert len(caught.value.message) < 200


@given(st.timedeltas(min_value=timedelta(0), max_value=LONGEST))
def test_shows_what_it_reads(length: timedelta) -> None:
    assert parse_duration(show_duration(length)) == length


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(seconds=90), "1m30s"),
        (timedelta(days=3), "3d"),
        (timedelta(milliseconds=250), "0.25s"),
        (timedelta(hours=25), "1d1h"),
    ],
)
def test_shows_the_fewest_units(length: timedelta, text: str) -> None:
    assert show_duration(length) == text


def test_refuses_to_show_a_negative_length() -> None:
    with pytest.raises(ValueError, match="negative"):
        show_duration(timedelta(seconds=-1))


@given(st.text(max_size=80))
def test_whatever_the_text_it_is_a_length_or_a_reason(text: str) -> None:
    try:
        length = parse_duration(text)
    except Invalid:
        return
    assert timedelta(0) <= length <= LONGEST
