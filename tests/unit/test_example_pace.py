"""How the examples tell whether something came evenly."""

from __future__ import annotations

from examples.pace import crowded, least_within, most_within, uneven

#: All of them at the beginning.
AT_ONCE = [-2.0] * 10_000


def _evenly(per_second: float, seconds: float) -> list[float]:
    return [number / per_second for number in range(int(per_second * seconds))]


def test_an_even_pace_is_even() -> None:
    assert uneven(_evenly(20, 25), AT_ONCE, per_second=20, peak=25) == []
    assert uneven(reversed(_evenly(21.9, 25)), AT_ONCE, per_second=20, peak=25) == []
    assert uneven(_evenly(18.1, 25), AT_ONCE, per_second=20, peak=25) == []


def test_too_fast_or_too_slow_is_told() -> None:
    assert uneven(_evenly(22.3, 25), AT_ONCE, per_second=20, peak=25) == [
        "in 5 seconds there were 112, and not about 100"
    ]
    assert uneven(_evenly(17.7, 25), AT_ONCE, per_second=20, peak=25) == [
        "in 5 seconds there were only 88, and not about 100"
    ]
    assert uneven(_evenly(20, 4), AT_ONCE, per_second=20, peak=25) == ["never were some held back for 5 seconds"]
    assert uneven([], AT_ONCE, per_second=20, peak=25) == ["never were some held back for 5 seconds"]


def test_a_burst_is_told_wherever_it_begins() -> None:
    times = _evenly(20, 25)
    assert uneven([*times, *(10.23 + number / 1000 for number in range(7))], AT_ONCE, per_second=20, peak=25) == [
        "in one second there were 27, and not at most 25"
    ]


def test_a_pause_is_told_wherever_it_begins() -> None:
    times = [at for at in _evenly(20, 25) if not 10.23 < at < 10.8]
    assert uneven(times, AT_ONCE, per_second=20, peak=25) == ["in 5 seconds there were only 89, and not about 100"]


def test_when_nothing_was_held_back_nothing_had_to_come() -> None:
    came = [*_evenly(20, 10), *(20 + at for at in _evenly(20, 10))]
    assert uneven(came, [-2.0] * 200 + [20.0] * 200, per_second=20, peak=25) == []
    assert uneven(came, [-2.0] * 201 + [20.0] * 199, per_second=20, peak=25) == [
        "in 5 seconds there were only 0, and not about 100"
    ]


def test_a_crowd_is_what_comes_while_some_are_held_back() -> None:
    assert list(crowded([1.5, 2, 3, 7, 8], [0, 0, 0, 6, 6])) == [[1.5, 2, 3], [7, 8]]
    assert list(crowded([1.5, 2, 3, 7], [0, 0, 0, 6, 6])) == [[1.5, 2, 3], [7]]
    assert list(crowded([1, 2, 3], [1, 2, 3])) == [[1], [2], [3]]
    assert list(crowded([], [])) == []


def test_windows() -> None:
    assert most_within([], 1) == 0
    assert most_within([0, 0.5, 0.9, 1.0], 1) == 3
    assert least_within([0, 0.5], 1) is None
    assert least_within([0, 0.1, 3, 3.1], 2) == 0
    assert least_within([0, 0.1, 1.9, 3.1, 4], 2) == 1
