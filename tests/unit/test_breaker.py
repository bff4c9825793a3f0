"""The circuit breaker, step by step and under any history: never two probes at once, never shut for ever."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from clarion.domain.breaker import Breaker, Limits, State, Tally, claim, count, give_back, may_probe, probed, reset

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LIMITS = Limits(
    calls=4,
    window=timedelta(seconds=10),
    failures=0.5,
    slow=timedelta(seconds=3),
    open_for=timedelta(seconds=5),
    longest=timedelta(seconds=60),
    probe_for=timedelta(seconds=20),
)
BAD = Tally(calls=4, failures=4, reason="HTTP 503")


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def opened(seconds: float = 0) -> Breaker:
    return count(Breaker.new(at(-1_000)), BAD, at(seconds), LIMITS)


def test_few_failures_say_nothing_and_many_open_it_with_a_reason() -> None:
    breaker = Breaker.new(NOW)
    breaker = count(breaker, Tally(calls=3, failures=3, reason="HTTP 503"), at(1), LIMITS)
    assert breaker.state is State.CLOSED
    breaker = count(breaker, Tally(calls=1, failures=1, reason="HTTP 503"), at(2), LIMITS)
    assert breaker.state is State.OPEN
    assert breaker.reason == "4 of 4 calls failed: HTTP 503"
    assert (breaker.since, breaker.until, breaker.opened) == (at(2), at(7), 1)


def test_calls_that_go_well_keep_it_closed_and_an_old_window_is_forgotten() -> None:
    breaker = count(Breaker.new(NOW), Tally(calls=100), NOW, LIMITS)
    assert count(breaker, Tally(calls=4, failures=4), at(1), LIMITS).state is State.CLOSED
    old = count(Breaker.new(NOW), Tally(calls=3, failures=3), NOW, LIMITS)
    assert count(old, Tally(calls=3, failures=3), at(10), LIMITS).state is State.CLOSED
    assert count(old, Tally(calls=3, failures=3), at(9), LIMITS).state is State.OPEN


def test_what_is_slow_opens_it_too() -> None:
    breaker = count(Breaker.new(NOW), Tally(calls=4, slow=2), NOW, LIMITS)
    assert breaker.state is State.OPEN
    assert breaker.reason == "2 of 4 messages took longer than 3 s, with the batch of each"


def test_it_is_open_for_longer_each_time_up_to_the_longest() -> None:
    breaker, now, waits = opened(), NOW, []
    for _ in range(7):
        assert breaker.until is not None
        waits.append((breaker.until - breaker.since).total_seconds())
        now = breaker.until
        probing = claim(breaker, now, LIMITS)
        assert probing is not None
        breaker = probed(probing, probing.probe, "HTTP 503", now, LIMITS)
    assert waits == [5, 10, 20, 40, 60, 60, 60]
    assert breaker.reason == "a probe failed: HTTP 503"


def test_one_that_opens_again_soon_goes_on_where_it_was_and_later_begins_anew() -> None:
    probing = claim(opened(), at(5), LIMITS)
    assert probing is not None
    closed = probed(probing, probing.probe, None, at(6), LIMITS)
    assert (closed.state, closed.until, closed.reason) == (State.CLOSED, None, None)
    assert count(closed, BAD, at(7), LIMITS).until == at(17)
    assert count(closed, BAD, at(66), LIMITS).until == at(71)


def test_one_probe_at_a_time_and_another_once_its_claim_has_run_out() -> None:
    breaker = opened()
    assert claim(breaker, at(4.9), LIMITS) is None
    first = claim(breaker, at(5), LIMITS)
    assert first is not None
    assert (first.state, first.until) == (State.HALF_OPEN, at(25))
    assert claim(first, at(24.9), LIMITS) is None
    second = claim(first, at(25), LIMITS)
    assert second is not None
    assert second.probe == first.probe + 1
    # The first one comes back after all: it is over, whatever it says.
    assert probed(second, first.probe, None, at(26), LIMITS) is second
    assert probed(second, first.probe, "HTTP 503", at(26), LIMITS) is second
    assert probed(second, second.probe, None, at(26), LIMITS).state is State.CLOSED


def test_a_probe_that_could_not_be_sent_is_anothers() -> None:
    first = claim(opened(), at(5), LIMITS)
    assert first is not None
    back = give_back(first, first.probe, at(6))
    assert back.state is State.OPEN
    assert may_probe(back, at(6))
    assert give_back(back, first.probe, at(7)) is back


def test_what_ends_while_it_is_open_is_not_counted() -> None:
    breaker = opened()
    assert count(breaker, Tally(calls=100), at(1), LIMITS) is breaker
    assert count(breaker, BAD, at(1), LIMITS) is breaker


def test_by_hand_it_is_closed_and_begins_anew() -> None:
    probing = claim(opened(), at(5), LIMITS)
    assert probing is not None
    closed = reset(probing, at(6))
    assert (closed.state, closed.opened, closed.probe) == (State.CLOSED, 0, 1)
    assert probed(closed, probing.probe, "HTTP 503", at(7), LIMITS) is closed


class AnyHistory(RuleBasedStateMachine):
    """Workers count, claim, tell, die and come back late, in any order and at any time."""

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.breaker = Breaker.new(NOW)
        #: Probes that were given out and of which nobody has told yet, with the ends of their claims.
        self.out: dict[int, datetime] = {}

    @rule(seconds=st.floats(0, 100))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(calls=st.integers(0, 10), failures=st.integers(0, 10), slow=st.integers(0, 10))
    def lists_end(self, calls: int, failures: int, slow: int) -> None:
        tally = Tally(calls=calls + failures + slow, failures=failures, slow=slow)
        self.breaker = count(self.breaker, tally, self.now, LIMITS)

    @rule()
    def somebody_wants_to_probe(self) -> None:
        claimed = claim(self.breaker, self.now, LIMITS)
        if claimed is None:
            return
        living = [number for number, until in self.out.items() if until > self.now]
        assert not living, "two probes at once"
        assert claimed.probe not in self.out
        assert claimed.until is not None
        self.out[claimed.probe] = claimed.until
        self.breaker = claimed

    @precondition(lambda self: self.out)
    @rule(data=st.data(), failure=st.sampled_from([None, "HTTP 503"]))
    def a_probe_comes_back(self, data: st.DataObject, failure: str | None) -> None:
        number = data.draw(st.sampled_from(sorted(self.out)))
        del self.out[number]
        self.breaker = probed(self.breaker, number, failure, self.now, LIMITS)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def a_probe_is_given_back(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.out)))
        del self.out[number]
        self.breaker = give_back(self.breaker, number, self.now)

    @precondition(lambda self: self.out)
    @rule(data=st.data())
    def a_worker_dies(self, data: st.DataObject) -> None:
        """Nobody tells of its probe: the claim runs on."""
        data.draw(st.sampled_from(sorted(self.out)))

    @rule()
    def an_operator_closes_it(self) -> None:
        self.breaker = reset(self.breaker, self.now)
        self.out = dict.fromkeys(self.out, self.now)  # what is still out is over

    @invariant()
    def it_is_never_shut_for_ever(self) -> None:
        if not hasattr(self, "breaker"):
            return
        breaker = self.breaker
        assert (breaker.state is State.CLOSED) == (breaker.until is None)
        if breaker.until is None:
            return
        longest = LIMITS.probe_for if breaker.state is State.HALF_OPEN else LIMITS.longest
        assert breaker.until - self.now <= longest
        then = max(self.now, breaker.until)
        claimed = claim(breaker, then, LIMITS)
        assert claimed is not None
        assert probed(claimed, claimed.probe, None, then, LIMITS).state is State.CLOSED


AnyHistory.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyHistory = AnyHistory.TestCase


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=20), st.integers(0, 20))
def test_it_does_not_matter_who_of_the_workers_counted(parts: list[tuple[int, int]], cut: int) -> None:
    """As long as it stays closed, several tallies are worth what their sum is."""
    tallies = [Tally(calls=well + bad, failures=bad) for well, bad in parts]
    strict = replace(LIMITS, calls=10_000)
    one = Breaker.new(NOW)
    for tally in tallies:
        one = count(one, tally, NOW, strict)
    many = Breaker.new(NOW)
    for some in (tallies[:cut], tallies[cut:]):
        many = count(many, sum(some, Tally()), NOW, strict)
    assert one == many
