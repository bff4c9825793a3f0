"""Which times run: the policies, the jitter, and that nothing is ever answered twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.schedule import CatchUp, Schedule, due, wake_at

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def schedule(**fields: object) -> Schedule:
    return Schedule(**{"key": "report", "cron": "*/10 * * * *", **fields})  # type: ignore[arg-type]


def at(minutes: float) -> datetime:
    return NOON + minutes * MINUTE


def test_nothing_runs_before_its_time() -> None:
    answer = due(schedule(), next_at=at(10), now=at(9.99))
    assert (answer.runs, answer.next_at, answer.wake_at) == ((), at(10), at(10))


@pytest.mark.parametrize(
    ("policy", "most", "runs", "passed_over"),
    [
        (CatchUp.ONE, 100, [40], 3),
        (CatchUp.ALL, 100, [10, 20, 30, 40], 0),
        (CatchUp.ALL, 2, [30, 40], 2),
        (CatchUp.SKIP, 100, [], 4),
    ],
)
def test_what_becomes_of_times_that_passed(policy: CatchUp, most: int, runs: list[int], passed_over: int) -> None:
    answer = due(schedule(catch_up=policy, most=most), next_at=at(10), now=at(45))
    assert list(answer.runs) == [at(minute) for minute in runs]
    assert (answer.passed_over, answer.next_at) == (passed_over, at(50))


@pytest.mark.parametrize("policy", list(CatchUp))
def test_what_is_on_time_runs_whatever_the_policy(policy: CatchUp) -> None:
    answer = due(schedule(catch_up=policy), next_at=at(10), now=at(10) + timedelta(seconds=59))
    assert (answer.runs, answer.passed_over, answer.next_at) == ((at(10),), 0, at(20))


def test_a_time_that_is_none_any_more_gives_way_to_the_next() -> None:
    """As when a country decides on other rules for its clocks: nothing runs at the old time, nor in between."""
    answer = due(schedule(jitter=3 * MINUTE), next_at=at(15), now=at(16))
    assert (answer.runs, answer.next_at) == ((), at(20))
    assert answer.wake_at is not None and answer.wake_at >= at(20)


def test_years_of_silence_cost_no_more_than_a_day() -> None:
    answer = due(schedule(cron="* * * * *", catch_up=CatchUp.ALL, most=5), next_at=at(-3_000_000), now=at(0.5))
    assert list(answer.runs) == [at(minute) for minute in (-4, -3, -2, -1, 0)]
    assert answer.passed_over == 1_000  # counted no further


@given(
    steps=st.lists(st.integers(0, 40 * 60), max_size=30),
    most=st.integers(1, 5),
    policy=st.sampled_from(list(CatchUp)),
    jitter=st.sampled_from([timedelta(0), timedelta(minutes=3), timedelta(hours=2)]),
)
def test_each_time_is_answered_once_and_in_order(
    steps: list[int], most: int, policy: CatchUp, jitter: timedelta
) -> None:
    """Asked at any moments, by anybody who knows the last answer."""
    one = schedule(catch_up=policy, most=most, jitter=jitter)
    now, next_at, ran, passed = NOON, NOON, list[datetime](), 0
    for step in steps:
        now += timedelta(seconds=step)
        answer = due(one, next_at=next_at, now=now)
        assert all(wake_at(one, nominal) <= now for nominal in answer.runs), "early"
        assert answer.next_at is not None and answer.wake_at is not None
        assert answer.wake_at == wake_at(one, answer.next_at) > now, "what is due was answered"
        ran, passed, next_at = [*ran, *answer.runs], passed + answer.passed_over, answer.next_at
    assert ran == sorted(set(ran))
    assert len(ran) + passed == (next_at - NOON) // (10 * MINUTE)


@given(minutes=st.integers(0, 10_000), key=st.text("abc", min_size=1, max_size=3))
def test_jitter_is_the_same_each_time_and_keeps_the_order(minutes: int, key: str) -> None:
    one = schedule(key=key, cron="7,9 * * * *", jitter=timedelta(hours=24))
    nominal = one.cadence.after(at(minutes))
    assert nominal is not None
    following = one.cadence.after(nominal)
    assert following is not None
    assert nominal <= wake_at(one, nominal) == wake_at(one, nominal) < following
