"""Domains that ask for patience, shared by all workers: a row each, changed under its lock by `domain.destination`.

What its row says is kept by the limit of the same name (`queue.limits`), in the same transaction: who waits for a
domain waits at the gate, like who waits for any other limit. Nothing is written of a domain that takes what it gets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from clarion import sql
from clarion.domain import destination as rules
from clarion.domain.destination import Destination, Heard, Limits
from clarion.queue import limits as paces
from clarion.queue.job import Connection, storable
from clarion.queue.limits import SetBy

_SQL = sql.load(__file__)


class Moved(NamedTuple):
    """A domain before and after something was heard of it."""

    before: Destination
    after: Destination
    now: datetime

    @property
    def is_limited(self) -> bool:
        """Whether messages for it have to wait at the gate."""
        return self.after.per_second is not None


async def hear(connection: Connection, name: str, heard: Heard, limits: Limits) -> Moved:
    """Tell what the domain *name* answered."""
    async with connection.transaction():
        row = await connection.fetchrow(_SQL["lock"], name)
        if row is None:
            await connection.execute(_SQL["make"], name)
            row = await connection.fetchrow(_SQL["lock"], name)
        assert row is not None
        before, now = _read(row), row["now"]
        if heard.reason is not None:
            heard = replace(heard, reason=storable(heard.reason))
        after = rules.hear(before, heard, now, limits)
        if after is not before:
            await connection.execute(_SQL["save"], name, *_columns(after))
            await _limit(connection, name, before, after, now)
    return Moved(before, after, now)


async def listed(connection: Connection, prefix: str) -> list[tuple[str, Destination, datetime]]:
    """The domains whose names begin with *prefix* and that are slowed or parked, with the time of the look."""
    rows = await connection.fetch(_SQL["listed"], prefix)
    return [(row["name"], _read(row), row["now"]) for row in rows]


async def forget(connection: Connection, limits: Limits) -> list[str]:
    """Forget those of which nothing bad was heard for long: they are free."""
    rows = await connection.fetch(_SQL["idle"], limits.forget)
    return await _gone(connection, [row["name"] for row in rows if rules.is_over(_read(row), row["now"], limits)])


async def free(connection: Connection, prefix: str) -> list[str]:
    """Forget all whose names begin with *prefix*, whatever is known of them."""
    return await _gone(connection, [name for name, _, _ in await listed(connection, prefix)])


async def lift(connection: Connection, name: str) -> bool:
    """Forget the one of this name, whatever is known of it; whether it was slowed or parked."""
    limited = [one for one, _, _ in await listed(connection, name) if one == name]
    return bool(await _gone(connection, limited))


async def _gone(connection: Connection, names: Sequence[str]) -> list[str]:
    if names:
        async with connection.transaction():
            await connection.execute(_SQL["forget"], names)
            for name in sorted(names):
                await paces.drop(connection, name)
    return list(names)


async def _limit(connection: Connection, name: str, before: Destination, after: Destination, now: datetime) -> None:
    """Let the limit *name* say the same as *after*."""
    if after.per_second is None:
        if before.per_second is not None:
            await paces.drop(connection, name)
        return
    if after.per_second != before.per_second:
        await paces.define(connection, name, after.per_second, set_by=SetBy.FEEDBACK)
    if after.until is not None and after.until != before.until:
        await paces.pause(connection, name, after.until - now, after.reason or "")


def _read(row: Mapping[str, Any]) -> Destination:
    plain = ("since", "per_second", "until", "reason", "parked", "paced_at", "window_at", "put_off", "taken")
    return Destination(**{name: row[name] for name in plain})


def _columns(one: Destination) -> tuple[object, ...]:
    return (
        one.since,
        one.per_second,
        one.until,
        one.reason,
        one.parked,
        one.paced_at,
        one.window_at,
        one.put_off,
        one.taken,
    )
