"""Circuit breakers that all workers share: a row each, changed under its lock by the pure rules of `domain.breaker`.

Rows are read a few times a second by each worker, and written when something is wrong: never for a message that went
well through an account of which nothing bad is known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from clarion import sql
from clarion.domain import breaker as rules
from clarion.domain.breaker import Breaker, Limits, State, Tally
from clarion.queue.job import Connection, storable

_SQL = sql.load(__file__)


class Seen(NamedTuple):
    """A breaker as it was at one look."""

    breaker: Breaker
    #: The database's time of the look.
    now: datetime

    @property
    def wait(self) -> timedelta:
        """How long it was then until a probe could go; none while it is closed."""
        until = self.breaker.until
        return max(until - self.now, timedelta(0)) if until is not None else timedelta(0)


class Moved(NamedTuple):
    """A breaker before and after something was told to it."""

    before: Breaker
    after: Breaker
    now: datetime


async def states(connection: Connection, names: Sequence[str]) -> dict[str, Seen]:
    """Those of *names* of which anything is known; the others are closed."""
    rows = await connection.fetch(_SQL["states"], names)
    return {row["name"]: Seen(_read(row), row["now"]) for row in rows}


async def count(connection: Connection, name: str, tally: Tally, limits: Limits) -> Moved:
    """Count calls of the account *name*."""
    return await _move(connection, name, lambda breaker, now: rules.count(breaker, tally, now, limits))


async def claim(connection: Connection, name: str, limits: Limits) -> Moved | None:
    """A probe of *name* that nobody else may send, by the number of `Moved.after`; None where none may go now."""
    moved = await _move(connection, name, lambda breaker, now: rules.claim(breaker, now, limits) or breaker)
    return moved if moved.after.probe != moved.before.probe else None


async def probed(connection: Connection, name: str, probe: int, failure: str | None, limits: Limits) -> Moved:
    """Tell how the probe of this number went: well, or with a *failure*."""
    return await _move(connection, name, lambda breaker, now: rules.probed(breaker, probe, failure, now, limits))


async def give_back(connection: Connection, name: str, probe: int) -> Moved:
    """The probe of this number is not sent: another one may go."""
    return await _move(connection, name, lambda breaker, now: rules.give_back(breaker, probe, now))


async def reset(connection: Connection, name: str) -> Moved:
    """Close it by hand."""
    return await _move(connection, name, rules.reset)


async def _move(connection: Connection, name: str, rule: Callable[[Breaker, datetime], Breaker]) -> Moved:
    """Change the breaker *name* by *rule*, while nobody else changes it."""
    async with connection.transaction():
        row = await connection.fetchrow(_SQL["lock"], name)
        if row is None:
            await connection.execute(_SQL["make"], name)
            row = await connection.fetchrow(_SQL["lock"], name)
        assert row is not None
        before, now = _read(row), row["now"]
        after = rule(before, now)
        if after is not before:
            await connection.execute(_SQL["save"], name, *_columns(after))
    return Moved(before, after, now)


def _read(row: Mapping[str, Any]) -> Breaker:
    counted = Tally(calls=row["calls"], failures=row["failures"], slow=row["slow"], reason=row["last_failure"])
    plain = ("since", "until", "reason", "opened", "probe", "window_at")
    return Breaker(state=State(row["state"]), counted=counted, **{name: row[name] for name in plain})


def _columns(breaker: Breaker) -> tuple[object, ...]:
    counted = breaker.counted
    return (
        breaker.state.value,
        breaker.since,
        breaker.until,
        storable(breaker.reason) if breaker.reason else None,
        breaker.opened,
        breaker.probe,
        breaker.window_at,
        counted.calls,
        counted.failures,
        counted.slow,
        storable(counted.reason) if counted.reason else None,
    )
