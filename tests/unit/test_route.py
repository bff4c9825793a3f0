"""Which account a message goes to: decided by its route, by how accounts are, by what was tried, and told in words."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.expression import Expression, Scope
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.domain.route import FACTS, Fitness, Route, Try, at_once, choose, elsewhere, narrow, route_of

A, B, C = "twilio:a", "twilio:b", "twilio:c"
WELL = Fitness()
OPEN = Fitness("its breaker is open: 5 of 5 calls failed", timedelta(seconds=5))
IN_ORDER = Route(accounts=(A, B))
ALL_WELL = {A: WELL, B: WELL, C: WELL}


def when(text: str) -> Expression:
    return Expression.compile(text, FACTS)


def scope(country: str = "US", **shared: object) -> Scope:
    given = {"category": None, "workflow": "w", "tenant": "default", **shared}
    return Scope(**given).of({"country": country, "locale": "en", "data": {}})


def test_the_first_is_used_and_there_is_nothing_to_tell() -> None:
    assert choose(IN_ORDER, ALL_WELL, [], 0.9) == (A, None, timedelta(0))


def test_one_that_may_not_be_used_is_passed_over_and_the_reason_is_told() -> None:
    choice = choose(IN_ORDER, {A: OPEN, B: WELL}, [], 0)
    assert choice.account == B
    assert choice.reason == "not twilio:a: its breaker is open: 5 of 5 calls failed"


def test_where_none_may_be_used_it_waits_for_the_first_that_may() -> None:
    choice = choose(IN_ORDER, {A: OPEN, B: Fitness("it is paused: HTTP 429", timedelta(seconds=2))}, [], 0)
    assert (choice.account, choice.wait) == (None, timedelta(seconds=2))
    assert choice.reason == ("twilio:a: its breaker is open: 5 of 5 calls failed; twilio:b: it is paused: HTTP 429")


def test_each_has_its_turn_and_then_all_have_again() -> None:
    tried: list[Try] = []
    for turn, wanted in enumerate([A, B, A, B]):
        assert choose(IN_ORDER, ALL_WELL, tried, 0).account == wanted
        tried.append(Try(wanted, "retryable"))
        assert at_once(IN_ORDER, ALL_WELL, tried, 0) == (B if turn % 2 == 0 else None)


def test_nobody_else_means_no_hurry() -> None:
    assert at_once(IN_ORDER, {A: WELL, B: OPEN}, [Try(A, "retryable")], 0) is None
    assert choose(IN_ORDER, {A: WELL, B: OPEN}, [Try(A, "retryable")], 0).account == A


@pytest.mark.parametrize("outcome", [Uncertain("reset"), Sent("x"), Reject("no", "invalid_recipient"), Reject("no")])
def test_what_may_have_been_sent_or_is_its_own_fault_goes_nowhere_else(outcome: Outcome) -> None:
    status = {Uncertain: "uncertain", Sent: "accepted", Reject: "rejected"}[type(outcome)]
    assert elsewhere(IN_ORDER, ALL_WELL, [Try(A, status)], 0, outcome) is outcome


@pytest.mark.parametrize("code", ["sender_refused", "destination_refused"])
def test_what_is_refused_for_the_accounts_own_sake_goes_to_another_and_never_back(code: str) -> None:
    outcome = Reject("no", code)
    tried = [Try(A, "rejected")]
    assert elsewhere(IN_ORDER, ALL_WELL, tried, 0, outcome) == B
    tried.append(Try(B, "retryable"))
    assert elsewhere(IN_ORDER, ALL_WELL, tried, 0, Retry("HTTP 503")) == Retry("HTTP 503"), "it waits, for B"
    assert choose(IN_ORDER, ALL_WELL, tried, 0).account == B
    # B is not to be had just now: it waits for it, and is not refused by A once more.
    assert choose(IN_ORDER, {A: WELL, B: OPEN}, tried, 0).account is None
    tried.append(Try(B, "rejected"))
    assert elsewhere(IN_ORDER, ALL_WELL, tried, 0, outcome) is outcome, "now all have refused it"
    assert choose(IN_ORDER, ALL_WELL, tried, 0).account == A, "somebody has retried it by hand"


def test_one_that_is_refused_after_another_failed_waits_for_that_one() -> None:
    tried = [Try(A, "retryable"), Try(B, "rejected")]
    assert elsewhere(IN_ORDER, ALL_WELL, tried, 0, Reject("no", "sender_refused")) == Retry("sender_refused: no")


def test_a_long_pause_of_one_does_not_hold_up_the_next_round_of_the_others() -> None:
    asked = Retry("HTTP 429", after=timedelta(hours=1), pause_provider=True, blameless=True)
    tried = [Try(A, "retryable"), Try(B, "retryable")]
    assert elsewhere(IN_ORDER, ALL_WELL, tried, 0, asked) == Retry("HTTP 429")
    assert elsewhere(IN_ORDER, {A: OPEN, B: WELL}, tried, 0, asked) is asked
    assert elsewhere(IN_ORDER, ALL_WELL, tried[:1], 0, asked) == B
    not_asked = Retry("the lease ran out before it was handed over", blameless=True)
    assert elsewhere(IN_ORDER, ALL_WELL, tried[:1], 0, not_asked) is not_asked


def test_where_nobody_can_know_the_same_one_is_asked_again_while_it_may_be() -> None:
    tried = [Try(A, "uncertain")]
    choice = choose(IN_ORDER, ALL_WELL, tried, 0)
    assert choice == (A, "it may have the message already: it is asked again", timedelta(0))
    assert choose(IN_ORDER, {A: OPEN, B: WELL}, tried, 0).account == B


def test_weights_are_shares_also_of_what_is_left_when_one_is_away() -> None:
    route = Route(accounts=(A, B, C), weights=(70, 20, 10))
    draws = [n / 1_000 for n in range(1_000)]
    shares = Counter(choose(route, ALL_WELL, [], draw).account for draw in draws)
    assert shares == {A: 700, B: 200, C: 100}
    shares = Counter(choose(route, {A: OPEN, B: WELL, C: WELL}, [], draw).account for draw in draws)
    assert shares[A] == 0
    assert abs(shares[B] - 667) <= 1
    assert "by weight twilio:a 70, twilio:b 20, twilio:c 10" in str(choose(route, ALL_WELL, [], 0).reason)
    spare = Route(accounts=(A, B), weights=(1, 0))
    assert {choose(spare, ALL_WELL, [], draw).account for draw in draws} == {A}
    assert choose(spare, {A: OPEN, B: WELL}, [], 0.5).account == B


def test_the_first_route_whose_condition_holds() -> None:
    dutch = Route(accounts=(B,), when=when("recipient.country == 'NL'"), name="route 1")
    ads = Route(accounts=(C,), when=when("category == 'marketing' && tenant == 'default'"), name="route 2")
    rest = Route(accounts=(A,))
    routes = [dutch, ads, rest]
    assert route_of(routes, scope("NL", category="marketing")) is dutch
    assert route_of(routes, scope(category="marketing")) is ads
    assert route_of(routes, scope(category="marketing", tenant="two")) is rest
    assert route_of(routes, scope()) is rest
    assert choose(dutch, ALL_WELL, [], 0).reason == "route 1, for recipient.country == 'NL'"


def test_routes_are_narrowed_to_the_accounts_that_fit() -> None:
    dutch = Route(accounts=(A, B), weights=(1, 9), when=when("recipient.country == 'NL'"), name="route 1")
    rest = Route(accounts=(C, B))
    assert narrow([dutch, rest], [B]) == (
        Route(accounts=(B,), weights=(9,), when=dutch.when, name="route 1"),
        Route(accounts=(B,)),
    )
    assert narrow([dutch, rest], [C]) == (Route(accounts=(C,)),)
    assert narrow([dutch, rest], []) == ()
    only = narrow([dutch, rest], [A])
    assert route_of(only, scope("NL")) is only[0]
    assert route_of(only, scope("US")) is None, "nobody who fits takes the rest"


LABELS = st.sampled_from([A, B, C])
ROUTES = st.lists(LABELS, min_size=1, max_size=3, unique=True).flatmap(
    lambda names: st.one_of(
        st.just(Route(accounts=tuple(names))),
        st.lists(st.integers(0, 9), min_size=len(names), max_size=len(names)).map(
            lambda weights: Route(accounts=tuple(names), weights=tuple(weights))
        ),
    )
)
STATUSES = st.sampled_from(["retryable", "uncertain", "rejected", "accepted"])
TRIED = st.lists(st.builds(Try, LABELS, STATUSES), max_size=8)
FIT = st.fixed_dictionaries(dict.fromkeys((A, B, C), st.sampled_from([WELL, OPEN])))
DRAWS = st.floats(0, 1, exclude_max=True)


@given(ROUTES, FIT, TRIED, DRAWS)
def test_nobody_is_chosen_who_may_not_be_used(
    route: Route, fit: dict[str, Fitness], tried: list[Try], draw: float
) -> None:
    choice = choose(route, fit, tried, draw)
    if choice.account is not None:
        assert choice.account in route.accounts
        assert fit[choice.account].reason is None
    else:
        assert choice.wait > timedelta(0)
    other = at_once(route, fit, tried, draw)
    if other is not None:
        assert fit[other].reason is None
        assert not tried or other != tried[-1].account, "never at once to the one that has just failed it"
        assert choose(route, fit, tried, draw).account is not None


@given(ROUTES, DRAWS)
def test_a_round_asks_each_once(route: Route, draw: float) -> None:
    tried: list[Try] = []
    rounds = 1
    while rounds <= 3:
        account = choose(route, ALL_WELL, tried, draw).account
        assert account is not None
        tried.append(Try(account, "retryable"))
        if at_once(route, ALL_WELL, tried, draw) is None:
            assert Counter(one.account for one in tried) == dict.fromkeys(route.accounts, rounds)
            rounds += 1
