"""Token buckets: what may be taken, how long to wait, and that nothing is kept for nothing."""

from __future__ import annotations

import random

import pytest

from clarion.api.bucket import Bucket, Buckets, Crowd

#: A machine that has been up for weeks: seconds have few digits left after the point.
LATE = 3_000_000.0


def taken(buckets: Buckets[str], who: str, now: float, tries: int) -> int:
    return sum(buckets.take(who, now) == 0.0 for _ in range(tries))


@pytest.mark.parametrize(("per_s", "burst"), [(1, 1), (0.5, 3), (10, 10), (2_000, 10_000), (1_000_000, 1)])
@pytest.mark.parametrize("now", [0.0, LATE])
def test_a_burst_is_what_it_says_and_not_one_more(per_s: float, burst: int, now: float) -> None:
    buckets = Buckets[str](Bucket(per_s=per_s, burst=burst), most=10)
    assert taken(buckets, "a", now, burst + 5) == burst


def test_tokens_come_back_at_their_rate_and_no_faster() -> None:
    buckets = Buckets[str](Bucket(per_s=10, burst=5), most=10)
    assert taken(buckets, "a", LATE, 9) == 5
    assert taken(buckets, "a", LATE + 0.05, 9) == 0
    assert taken(buckets, "a", LATE + 0.35, 9) == 3
    assert taken(buckets, "a", LATE + 100, 9) == 5


def test_over_a_long_time_it_is_the_rate() -> None:
    buckets = Buckets[str](Bucket(per_s=500, burst=2_000), most=10)
    chance = random.Random(7)
    moments = sorted(chance.uniform(0, 60) for _ in range(60_000))
    let_in = sum(buckets.take("a", LATE + moment) == 0.0 for moment in moments)
    assert let_in == pytest.approx(60 * 500 + 2_000, rel=0.01)


def test_what_is_within_the_rate_is_never_stopped() -> None:
    buckets = Buckets[str](Bucket(per_s=500, burst=1), most=10)
    assert all(buckets.take("a", LATE + number / 500) == 0.0 for number in range(50_000))


def test_after_the_wait_there_is_one() -> None:
    buckets = Buckets[str](Bucket(per_s=0.25, burst=3), most=10)
    for round in range(50):
        now = LATE + round * 0.7
        wait_s = buckets.take("a", now)
        assert wait_s <= 4.0
        assert buckets.wait_s("a", now + wait_s + 1e-9) == 0.0 or wait_s == 0.0
        if wait_s:
            assert buckets.wait_s("a", now + wait_s - 0.001) > 0.0


def test_looking_takes_nothing_and_each_has_its_own() -> None:
    buckets = Buckets[str](Bucket(per_s=1, burst=1), most=10)
    assert [buckets.wait_s("a", 5.0) for _ in range(3)] == [0.0] * 3
    assert buckets.take("a", 5.0) == 0.0
    assert buckets.take("a", 5.0) == pytest.approx(1.0, abs=0.02)
    assert buckets.take("b", 5.0) == 0.0


def test_a_hundred_thousand_that_come_and_go_leave_little_behind() -> None:
    buckets = Buckets[int](Bucket(per_s=2_000, burst=10_000), most=100_000)
    for number in range(100_000):
        assert buckets.take(number, LATE + number * 0.001) == 0.0
    assert len(buckets) < 100


def test_of_more_than_are_kept_the_first_are_forgotten() -> None:
    buckets = Buckets[int](Bucket(per_s=0.001, burst=1), most=1_000)
    for number in range(5_000):
        buckets.take(number, LATE)
    assert len(buckets) == 1_000
    assert buckets.wait_s(4_999, LATE) > 0.0


def test_who_is_in_debt_is_kept_while_others_come_and_go() -> None:
    buckets = Buckets[int](Bucket(per_s=1, burst=10), most=1_000)
    for _ in range(11):
        buckets.take(-1, LATE)
    for number in range(500):
        buckets.take(number, LATE + number * 0.0001)
    assert buckets.wait_s(-1, LATE + 0.1) > 0.0


def test_a_crowd_has_so_many_and_forgets_who_has_left() -> None:
    crowd = Crowd[str](2)
    assert [crowd.enter("a") for _ in range(3)] == [True, True, False]
    assert crowd.enter("b")
    crowd.leave("a")
    assert crowd.enter("a")
    for who in ("a", "a", "b"):
        crowd.leave(who)
    assert len(crowd) == 0


def test_none_at_most_is_any_number() -> None:
    crowd = Crowd[str](0)
    assert all(crowd.enter("a") for _ in range(10_000))
