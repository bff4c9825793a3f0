"""Domains that ask for patience: parked with growing times, probed, slowed, and quick again by and by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clarion.domain.destination import PROBE, Destination, Heard, Limits, hear, is_over

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
LIMITS = Limits()
AWAY, TAKEN = Heard(away=1, reason="421 4.7.0 later"), Heard(taken=1)


def _s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def test_it_is_parked_with_growing_times_and_gets_one_probe_between_them() -> None:
    one, now, waits = Destination.unknown(NOW), NOW, []
    for _ in range(9):
        one = hear(one, AWAY, now, LIMITS)
        assert one.until is not None
        waits.append((one.until - now).total_seconds())
        assert (one.per_second, one.reason) == (PROBE, "421 4.7.0 later")
        # What was on its way when it was parked says nothing any more.
        assert hear(one, AWAY, now + _s(1), LIMITS) == hear(one, TAKEN, now + _s(1), LIMITS) == one
        now = one.until
    assert waits == [30, 60, 120, 240, 480, 960, 1800, 1800, 1800]


def test_a_probe_that_is_taken_opens_it_step_by_step() -> None:
    one = hear(Destination.unknown(NOW), AWAY, NOW, LIMITS)
    now, paces = NOW + _s(30), []
    while one.per_second is not None:
        one = hear(one, TAKEN, now, LIMITS)
        paces.append(one.per_second)
        assert hear(one, TAKEN, now + _s(4.9), LIMITS).per_second == one.per_second
        now += _s(5)
    assert paces == [1, 2, 4, 8, 16, 32, 64, None]
    # Soon after it goes on where it was; long after it begins anew.
    assert hear(one, AWAY, now + _s(60), LIMITS).parked == 2
    assert hear(one, AWAY, now + _s(3600), LIMITS).parked == 1
    assert not is_over(one, now, LIMITS)
    assert is_over(one, now + _s(3600), LIMITS)


def test_it_is_slowed_when_most_is_put_off_and_not_by_a_few() -> None:
    few = hear(Destination.unknown(NOW), Heard(put_off=9, reason="451 greylisted"), NOW, LIMITS)
    assert few.per_second is None
    mostly_well = hear(Destination.unknown(NOW), Heard(put_off=20, taken=21), NOW, LIMITS)
    assert mostly_well.per_second is None
    late = hear(few, Heard(put_off=9), NOW + _s(61), LIMITS)
    assert late.per_second is None, "the window is over"
    slowed = hear(few, Heard(put_off=1, reason="451 greylisted"), NOW + _s(1), LIMITS)
    assert (slowed.per_second, slowed.until, slowed.reason) == (5, None, "451 greylisted")
    for pace in (2.5, 1.25, 1, 1):
        slowed = hear(slowed, Heard(put_off=10), NOW + _s(2), LIMITS)
        assert slowed.per_second == pace


def test_one_that_is_slowed_and_asks_to_be_left_alone_is_parked() -> None:
    slowed = hear(Destination.unknown(NOW), Heard(put_off=10), NOW, LIMITS)
    parked = hear(slowed, Heard(away=3, taken=40, reason="421"), NOW + _s(1), LIMITS)
    assert parked.is_parked(NOW + _s(30))
    assert not parked.is_parked(NOW + _s(31))
