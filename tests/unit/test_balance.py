"""Weights that give way to what is observed: by points, held for a while, and back bit by bit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.balance import Rules, Seen, Shares, is_held_against, move, shares_of
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
RULES = Rules()
SLOW, WELL = Seen(100, 15), Seen(100, 14)


def _m(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def test_a_slow_one_gives_way_by_ten_points_each_five_minutes_and_comes_back_by_ten_each_fifteen() -> None:
    shares = shares_of(["a", "b"], [80, 20])
    assert move(shares, {"a": WELL, "b": WELL}, NOW, RULES) is shares
    shares = move(shares, {"a": SLOW, "b": WELL}, NOW, RULES)
    assert shares.points == {"a": 70, "b": 30}
    assert shares.reason == "a took longer than 5 s for 15 of 100 messages"
    assert move(shares, {"a": SLOW}, _m(4.9), RULES) is shares, "what was moved has to be seen first"
    shares = move(shares, {"a": SLOW}, _m(5), RULES)
    assert shares.points == {"a": 60, "b": 40}
    assert move(shares, {"a": WELL}, _m(19.9), RULES) is shares
    shares = move(shares, {"a": WELL}, _m(20), RULES)
    assert (shares.points, shares.reason) == ({"a": 70, "b": 30}, "it is going back, bit by bit")
    shares = move(shares, {}, _m(35), RULES)
    assert (shares.points, shares.reason) == ({"a": 80, "b": 20}, None)
    assert move(shares, {}, _m(100), RULES) is shares


def test_where_all_are_slow_nothing_moves() -> None:
    shares = shares_of(["a", "b"], [1, 1])
    assert move(shares, {"a": SLOW, "b": SLOW}, NOW, RULES) is shares
    moved = move(shares, {"a": SLOW}, NOW, RULES)
    assert move(moved, {"a": SLOW, "b": SLOW}, _m(60), RULES) is moved, "not back either"


def test_one_whose_messages_fail_later_gives_way_as_well() -> None:
    shares = shares_of(["a", "b"], [80, 20])
    failing = {"a": Seen(100, 0, 15), "b": Seen(100, 0, 7)}
    moved = move(shares, failing, NOW, RULES)
    assert moved.points == {"a": 70, "b": 30}
    assert moved.reason == "a said later that 15 had failed, to 100 messages that it was given"
    assert move(shares, failing | {"a": Seen(100, 0, 14)}, NOW, RULES) is shares
    assert move(shares, failing | {"b": Seen(100, 0, 8)}, NOW, RULES) is shares, "the other is hardly better"
    assert move(shares, {"a": Seen(100, 0, 15), "b": Seen(100, 15, 0)}, NOW, RULES) is shares, "the other is slow"
    assert move(shares, {"a": Seen(19, 0, 19)}, NOW, RULES) is shares
    assert move(moved, {"a": Seen(100, 0, 200), "b": Seen(5, 0, 5)}, _m(5), RULES).points == {"a": 60, "b": 40}
    assert move(moved, {"a": Seen(100, 0, 3)}, _m(15), RULES).points == {"a": 80, "b": 20}


@pytest.mark.parametrize(
    ("status", "feedback", "held"),
    [
        (Status.FAILED, None, True),
        (Status.BOUNCED, None, True),
        (Status.BOUNCED, Feedback.SOFT_BOUNCE, True),
        (Status.BOUNCED, Feedback.HARD_BOUNCE, False),
        (Status.FAILED, Feedback.UNSUBSCRIBE, False),
        (Status.FAILED, Feedback.DEAD_TOKEN, False),
        (Status.DELIVERED, Feedback.COMPLAINT, False),
        (Status.DELIVERED, None, False),
        (Status.SENT, None, False),
    ],
)
def test_what_says_something_of_the_address_alone_is_not_held_against_the_account(
    status: Status, feedback: Feedback | None, held: bool
) -> None:
    assert is_held_against(status, feedback) is held


def test_few_messages_say_nothing() -> None:
    shares = shares_of(["a", "b"], [1, 1])
    assert move(shares, {"a": Seen(19, 19)}, NOW, RULES) is shares


def test_it_gives_all_that_it_has_and_no_more() -> None:
    shares, now = shares_of(["a", "b", "c"], [15, 85, 0]), NOW
    for points in (5.0, 0.0):
        shares = move(shares, {"a": SLOW}, now, RULES)
        assert shares.points["a"] == pytest.approx(points)
        assert shares.points["c"] == 0, "one that is for need alone gets nothing while there is another"
        now += timedelta(minutes=5)
    assert move(shares, {"a": SLOW}, now, RULES) is shares
    only_need = move(shares_of(["a", "b"], [1, 0]), {"a": SLOW}, NOW, RULES)
    assert only_need.points == {"a": 90, "b": 10}


def test_what_only_rounding_took_comes_back() -> None:
    base = shares_of(["a", "b", "c"], [1, 1, 1])
    rounded = replace(base, points={one: had + 1e-13 for one, had in base.points.items()}, moved_at=NOW)
    assert move(rounded, {}, _m(60), RULES).points == base.points


@given(
    st.lists(st.integers(0, 100), min_size=2, max_size=4).filter(any),
    st.lists(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=4, max_size=4), max_size=30),
)
def test_there_are_always_a_hundred_points_and_none_is_below_nothing(
    weights: list[int], history: list[list[tuple[int, int]]]
) -> None:
    names = [f"p{number}" for number in range(len(weights))]
    shares: Shares = shares_of(names, weights)
    for number, seen in enumerate(history):
        told = {name: Seen(calls + slow, slow) for name, (calls, slow) in zip(names, seen, strict=False)}
        shares = move(shares, told, _m(number * 3), RULES)
        assert sum(shares.points.values()) == pytest.approx(100)
        assert min(shares.points.values()) >= -1e-9
    for number in range(40):
        shares = move(shares, {}, _m(1_000 + number * 15), RULES)
    assert shares.points == shares.base
