"""Rates as people write them, and times that were given to act at."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.rate import FASTEST, SLOWEST, Permits, Rate, parse_rate, show_rate
from clarion.errors import Invalid


@pytest.mark.parametrize(
    ("text", "per_second", "burst"),
    [
        ("20/s", 20, 1),
        ("100/m", 100 / 60, 1),
        ("5000/h", 5000 / 3600, 1),
        ("1/d", SLOWEST, 1),
        ("0.5/s", 0.5, 1),
        (" 20 / sec ", 20, 1),
        ("30/minute", 0.5, 1),
        ("20/s burst 5", 20, 5),
        ("1000000/s", FASTEST, 1),
    ],
)
def test_what_people_write(text: str, per_second: float, burst: int) -> None:
    rate = parse_rate(text)
    assert rate.per_second == pytest.approx(per_second)
    assert rate.burst == burst
    assert rate.reserve == 0


def test_a_part_may_be_kept_for_the_urgent() -> None:
    assert parse_rate("20/s reserve 10%") == Rate(per_second=20, reserve=0.1)
    assert str(parse_rate("20/s burst 5 reserve 25%")) == "20/s burst 5 reserve 25%"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("20", "did you mean 20/s?"),
        ("", "write for example"),
        ("fast", "write for example"),
        ("20/fortnight", "write for example"),
        ("-5/s", "write for example"),
        ("1e3/s", "write for example"),
        ("٣/s", "write for example"),
        ("0/s", "out of range"),
        ("0.5/d", "out of range"),
        ("1000001/s", "out of range"),
        ("20/s burst 0", "a burst is from 1"),
        ("20/s burst 1000001", "a burst is from 1"),
        ("20/s reserve 0%", "a reserve is from 1% to 90%, not 0%"),
        ("20/s reserve 91%", "a reserve is from 1% to 90%"),
        ("20/s reserve 10", "write for example"),
        ("20/s reserve 10% burst 5", "write for example"),
        ("20/s" * 20, "write for example"),
    ],
)
def test_what_is_no_rate_is_told_with_how_to_write_one(text: str, why: str) -> None:
    with pytest.raises(Invalid, match=why) as told:
        parse_rate(text)
    assert told.value.code == "invalid_rate"
    assert len(told.value.message) < 120


@pytest.mark.parametrize("shown", ["20/s", "100/m", "5000/h", "1/d", "1000000/s", "15/m"])
def test_it_is_shown_in_the_unit_in_which_it_is_shortest(shown: str) -> None:
    assert show_rate(parse_rate(shown).per_second) == shown
    assert str(Rate(per_second=20, burst=5)) == "20/s burst 5"


@given(st.floats(min_value=SLOWEST, max_value=FASTEST))
def test_what_is_shown_is_read_as_the_same(per_second: float) -> None:
    assert parse_rate(show_rate(per_second)).per_second == pytest.approx(per_second, rel=1e-4)


def test_how_many_fit_into_a_time() -> None:
    assert Rate(per_second=20).within(1) == 21
    assert Rate(per_second=20, burst=5).within(0.1) == 7
    assert Rate(per_second=SLOWEST).within(1) == 2


def test_each_time_is_used_once_and_not_before_it_has_come() -> None:
    permits = Permits(0.1)
    permits.add([1.0, 1.05, 1.1])
    assert (permits.due(0.99, 5), permits.next) == (0, 1.0)
    assert permits.due(1.06, 1) == 1
    assert permits.due(1.06, 5) == 1
    assert (permits.due(1.06, 5), len(permits), permits.next) == (0, 1, 1.1)
    assert permits.due(1.1, 5) == 1
    assert permits.next == math.inf


def test_times_that_were_missed_are_not_made_up_for() -> None:
    permits = Permits(0.1)
    permits.add(n * 0.05 for n in range(21))
    assert permits.due(0.5001, 100) == 2, "those of the last tenth of a second, not the eleven that have passed"
    assert len(permits) == 10
