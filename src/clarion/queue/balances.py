"""Weights that give way, shared by all workers: what is seen of accounts is added up, one worker at a time decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from clarion import sql
from clarion.domain.balance import Seen, Shares
from clarion.queue.job import Connection

_SQL = sql.load(__file__)


class Moved(NamedTuple):
    """The shares of a route before and after a look."""

    before: Shares
    after: Shares


async def add(connection: Connection, seen: Mapping[str, Seen]) -> None:
    """Add what was seen of accounts just now, by their labels."""
    if seen:
        names = sorted(seen)
        calls, slow = [seen[name].calls for name in names], [seen[name].slow for name in names]
        await connection.execute(_SQL["add"], names, calls, slow)


async def add_failed(connection: Connection, failed: Mapping[str, int]) -> None:
    """Add how many messages accounts have told to have failed, by their labels; where nobody counts, they are not."""
    names = sorted(failed)
    await connection.execute(_SQL["add_failed"], names, [failed[name] for name in names])


async def seen(connection: Connection, names: Sequence[str], window: timedelta) -> dict[str, Seen]:
    """What all workers have seen of these accounts within the *window*."""
    rows = await connection.fetch(_SQL["seen"], list(names), window)
    return {row["name"]: Seen(row["calls"], row["slow"], row["failed"]) for row in rows}


async def prune(connection: Connection) -> None:
    """Forget what was seen long ago."""
    await connection.execute(_SQL["prune"])


async def move(
    connection: Connection, route: str, settings: Shares, rule: Callable[[Shares, datetime], Shares]
) -> Moved:
    """Let *rule* move the shares of *route*, which are those of the *settings* where these have changed."""
    async with connection.transaction():
        row = await connection.fetchrow(_SQL["lock"], route)
        if row is None:
            await connection.execute(_SQL["make"], route, dict(settings.base))
            row = await connection.fetchrow(_SQL["lock"], route)
        assert row is not None
        before = _read(row) if row["base"] == dict(settings.base) else settings
        after = rule(before, row["now"])
        if after is not before or before is settings:
            values = dict(after.base), dict(after.points), after.moved_at, after.reason
            await connection.execute(_SQL["save"], route, *values)
    return Moved(before, after)


async def listed(connection: Connection) -> list[tuple[str, Shares]]:
    """All routes that are not as the settings have them."""
    return [(row["route"], _read(row)) for row in await connection.fetch(_SQL["listed"])]


def _read(row: Mapping[str, Any]) -> Shares:
    return Shares(base=row["base"], points=row["points"], moved_at=row["moved_at"], reason=row["reason"])
