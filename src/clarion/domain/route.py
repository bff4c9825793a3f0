"""Which account carries a message: by its route, by how the accounts are, and by what was tried with it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import NamedTuple

from clarion.domain.balance import Rules
from clarion.domain.expression import Expression, Scope
from clarion.domain.expression_text import Vocabulary
from clarion.domain.outcome import Outcome, Reject, Retry

#: What the conditions of routes see.
FACTS = Vocabulary(
    {
        "recipient": ("country", "locale", "data"),
        "category": None,
        "workflow": None,
        "tenant": None,
    }
)

#: An account may have been refused where another one, with another sender and other settings, would not be.
_OF_THE_ACCOUNT = frozenset({"sender_refused", "destination_refused"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The accounts of some messages of a channel."""

    #: By their labels. Without weights the first is used, and each of the others where those before it cannot be.
    accounts: tuple[str, ...]
    #: The share of each in what is sent; empty: in order.
    weights: tuple[int, ...] = ()
    #: Which messages; None: all that no route before it took.
    when: Expression | None = None
    #: Where its weights give way to how the accounts fare: when, and how far.
    balance: Rules | None = None
    #: Why its weights are not those of the settings; empty where they are.
    moved: str = ""
    #: As people know it, such as ``route 2``; empty for the channel's own where there are no others.
    name: str = ""

    def __str__(self) -> str:
        named = [f"{account} {weight}" for account, weight in zip(self.accounts, self.weights, strict=False)]
        return " ".join(named or self.accounts) + (f" when {self.when.text}" if self.when is not None else "")


class Fitness(NamedTuple):
    """Whether an account may be used now."""

    #: Why it must not be; None when it may.
    reason: str | None = None
    #: How long that lasts, as far as is known.
    wait: timedelta = timedelta(0)


class Try(NamedTuple):
    """An earlier attempt at a message."""

    account: str
    #: As the attempt has it: ``retryable uncertain rejected accepted``.
    status: str


class Choice(NamedTuple):
    """Which account a message goes to, and why."""

    #: None: none of them may be used now.
    account: str | None
    #: None where there is nothing to tell: it is the first of the only route.
    reason: str | None = None
    #: Where there is no account: how long to wait.
    wait: timedelta = timedelta(0)


def route_of(routes: Sequence[Route], scope: Scope | None) -> Route | None:
    """The first of *routes* whose condition holds; None where none does, and the last has one too."""
    for route in routes:
        if route.when is None or (scope is not None and route.when.holds(scope)):
            return route
    return None


def narrow(routes: Sequence[Route], fit: Collection[str]) -> tuple[Route, ...]:
    """*routes* with the accounts in *fit* alone, and without those that then have none."""
    found = []
    for route in routes:
        places = [place for place, one in enumerate(route.accounts) if one in fit]
        if places:
            accounts = tuple(route.accounts[place] for place in places)
            weights = tuple(route.weights[place] for place in places) if route.weights else ()
            found.append(replace(route, accounts=accounts, weights=weights))
    return tuple(found)


def choose(route: Route, fit: Mapping[str, Fitness], tried: Sequence[Try], draw: float) -> Choice:
    """The account for a message of *route*.

    *tried* are its attempts so far, first to last; *draw*, 0…1, is where it stands among all: the share that falls to
    an account. An account that has refused it for good is passed over, and one that failed it is, until all have had
    their turn. Where nobody can know whether an account took it, that one is asked again: it may know the message.
    """
    usable = _usable(route, tried)
    free = [one for one in usable if fit[one].reason is None]
    if not free:
        waits = [fit[one].wait for one in usable]
        return Choice(None, "; ".join(f"{one}: {fit[one].reason}" for one in usable), min(waits))
    if tried and tried[-1].status == "uncertain" and tried[-1].account in free:
        return Choice(tried[-1].account, "it may have the message already: it is asked again")
    passed = _failed_it(route, tried)
    fresh = [one for one in free if one not in passed] or free
    account = _by_weight(route, fresh, draw) if route.weights else fresh[0]
    return Choice(account, _why(route, account, fit, tried))


def at_once(route: Route, fit: Mapping[str, Fitness], tried: Sequence[Try], draw: float) -> str | None:
    """The account to which a message may go without a wait, after the last of *tried* failed it.

    None where every account that may be used had its turn: then it waits as its workflow says.
    """
    passed = _failed_it(route, tried)
    if not passed:  # all had their turn, and the next round begins
        return None
    fresh = [one for one in _usable(route, tried) if fit[one].reason is None and one not in passed]
    if not fresh:
        return None
    return _by_weight(route, fresh, draw) if route.weights else fresh[0]


def elsewhere(
    route: Route, fit: Mapping[str, Fitness], tried: Sequence[Try], draw: float, outcome: Outcome
) -> str | Outcome:
    """What *outcome*, that of the last of *tried*, means where there are other accounts.

    The account to which the message goes at once; or the outcome by which it is judged, mostly the one it had. What may
    have been sent goes nowhere else.
    """
    if len(route.accounts) == 1 or not _may_go_elsewhere(outcome):
        return outcome
    assert isinstance(outcome, Retry | Reject)
    if isinstance(outcome, Reject) and set(route.accounts) <= _refused(tried):
        return outcome
    other = at_once(route, fit, tried, draw)
    if other is not None:
        return other
    if isinstance(outcome, Reject):
        return Retry(f"{outcome.code}: {outcome.reason}")
    others = [one for one in _usable(route, tried) if one != tried[-1].account and fit[one].reason is None]
    # All had their turn, and this one alone asks for a long wait: the next round begins with the others.
    return Retry(outcome.reason) if others else outcome


def _may_go_elsewhere(outcome: Outcome) -> bool:
    """Whether another account might take what came to *outcome* with this one."""
    if isinstance(outcome, Retry):
        # Else it was not asked.
        return outcome.pause_provider or outcome.pushback is not None or not outcome.blameless
    return isinstance(outcome, Reject) and outcome.code in _OF_THE_ACCOUNT


def _usable(route: Route, tried: Sequence[Try]) -> list[str]:
    """Those that have not refused it for good; all, where everyone has: somebody wants it to be tried once more."""
    refused = _refused(tried)
    return [one for one in route.accounts if one not in refused] or list(route.accounts)


def _refused(tried: Sequence[Try]) -> set[str]:
    return {one.account for one in tried if one.status == "rejected"}


def _failed_it(route: Route, tried: Sequence[Try]) -> set[str]:
    """The accounts that had their turn in the present round: each has one, then all have again."""
    everyone, turns = set(route.accounts), set[str]()
    for one in tried:
        turns = {one.account} if one.account in turns else turns | {one.account}
        if turns >= everyone:
            turns = set()
    return turns


def _by_weight(route: Route, among: Sequence[str], draw: float) -> str:
    """The one of *among* in whose share *draw* falls; where none of them has a share, the first."""
    shares = dict(zip(route.accounts, route.weights, strict=True))
    left = draw * sum(shares[one] for one in among)
    for one in among:
        left -= shares[one]
        if left < 0:
            return one
    return among[0]


def _why(route: Route, account: str, fit: Mapping[str, Fitness], tried: Sequence[Try]) -> str | None:
    """Why *account* was chosen, in words; None where it is the first of the only route, as ever."""
    parts = []
    if route.name:
        parts.append(route.name + (f", for {route.when.text}" if route.when is not None else ""))
    if route.weights:
        weights = ", ".join(f"{a} {w}" for a, w in zip(route.accounts, route.weights, strict=True))
        parts.append(f"by weight {weights}" + (f" ({route.moved})" if route.moved else ""))
    had = {one.account: one.status for one in tried}
    before = route.accounts[: route.accounts.index(account)] if not route.weights else route.accounts
    for one in before:
        if one == account:
            continue
        if fit[one].reason is not None:
            parts.append(f"not {one}: {fit[one].reason}")
        elif one in had:
            parts.append(f"not {one}, which had its turn")
    return "; ".join(parts) or None
