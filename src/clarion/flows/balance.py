"""Weights that give way, as one process applies them: what it sees is told, and what all have seen moves the shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from clarion.domain import balance as rules
from clarion.domain.balance import Seen, Shares, shares_of
from clarion.domain.route import Route
from clarion.queue import balances
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

#: How often what was seen is told, and the shares are looked at.
EVERY: Final = timedelta(seconds=10)


class Balance:
    """The routes of one channel."""

    def __init__(self, channel: str, routes: Sequence[Route]) -> None:
        """*routes* are those of the settings, their accounts by label."""
        self._channel = channel
        self._settings = tuple(routes)
        self._routes = self._settings
        #: The limits beyond which a list is slow, by account: the shortest of the routes that it is on.
        self._slow: dict[str, float] = {}
        for route in routes:
            if route.balance is not None:
                for label in route.accounts:
                    seconds = route.balance.slow.total_seconds()
                    self._slow[label] = min(seconds, self._slow.get(label, seconds))
        self._seen: dict[str, Seen] = {}

    @property
    def is_asked(self) -> bool:
        """Whether any route is to be balanced."""
        return bool(self._slow)

    @property
    def routes(self) -> Sequence[Route]:
        """The routes, with the weights that they have now."""
        return self._routes

    def saw(self, label: str, messages: int, seconds: float) -> None:
        """A list of so many *messages* was so long on its way to an account."""
        limit = self._slow.get(label)
        if limit is not None:
            had = self._seen.get(label, Seen(0, 0))
            self._seen[label] = Seen(had.calls + messages, had.slow + (messages if seconds > limit else 0))

    async def run_once(self, pool: Pool) -> int:
        """Tell what was seen, and look whether shares move; how many routes are not as the settings have them."""
        seen, self._seen = self._seen, {}
        async with pool.acquire() as connection:
            await balances.add(connection, seen)
            await balances.prune(connection)
            self._routes = tuple([await self._balanced(connection, route) for route in self._settings])
        return sum(new is not old for new, old in zip(self._routes, self._settings, strict=True))

    async def _balanced(self, connection: Connection, route: Route) -> Route:
        if route.balance is None:
            return route
        seen = await balances.seen(connection, route.accounts, route.balance.window)
        name = f"{self._channel}/{route.name}"
        own = shares_of(route.accounts, route.weights)
        moved = await balances.move(connection, name, own, partial(_moved, seen=seen, limits=route.balance))
        after = moved.after
        if after is not moved.before:
            log.warning("balance.moved", route=name, points=_shown(after.points), reason=after.reason)
        if after.points == after.base:
            return route
        weights = tuple(max(0, round(after.points[one])) for one in route.accounts)
        return replace(route, weights=weights, moved=after.reason or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How far an account is from what the settings say."""

    points: float
    reason: str | None


async def moves(connection: Connection) -> Mapping[str, Move]:
    """By label, the accounts whose share is not what the settings say, on whichever routes."""
    found: dict[str, Move] = {}
    for _, shares in await balances.listed(connection):
        for label, points in shares.points.items():
            had = found.get(label, Move(points=0.0, reason=None))
            more = points - shares.base.get(label, 0.0)
            found[label] = Move(points=had.points + more, reason=shares.reason or had.reason)
    return found


def _moved(shares: Shares, now: datetime, *, seen: Mapping[str, Seen], limits: rules.Rules) -> Shares:
    return rules.move(shares, seen, now, limits)


def _shown(points: Mapping[str, float]) -> dict[str, float]:
    return {label: round(count, 1) for label, count in points.items()}
