"""Paces that all workers share: so many a second, evenly, and a pause for everybody when somebody asks for one.

A pace is a row that knows when its next slot is free (the generic cell rate algorithm). A worker reserves many slots
ahead in one short transaction and then acts at the times it was given; it looks at `paused` again before each small
batch, since a pause may have come after the reservation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.errors import Invalid
from clarion.queue.job import Connection, storable

_SQL = sql.load(__file__)

HORIZON = timedelta(seconds=1)

#: The slowest pace: one a day.
SLOWEST = 1 / 86400

#: No pause is longer: a provider may ask for 10⁹ seconds, and nobody would ever lift it.
LONGEST_PAUSE = timedelta(days=1)

#: Between the names of limits in the pace of a job that falls under several.
_AND = "+"

#: What is closed is paused until somebody opens it again: for longer than anybody will wait.
_CLOSED = timedelta(days=36_500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """Slots that are now ours."""

    #: The database's time of the answer.
    at: datetime
    #: How long to wait from then until each slot, in rising order; at most as many as were asked for, at least one.
    delays: tuple[timedelta, ...]
    #: The slowest of the paces kept to; infinite where there is none.
    per_second: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Not now."""

    #: How long to wait before asking again; add jitter.
    wait: timedelta
    #: Why it is paused; None when the slots within the horizon are simply taken.
    reason: str | None = None

    @property
    def closed(self) -> bool:
        """Whether waiting will not help: it stays so until `lift`."""
        return self.wait > LONGEST_PAUSE


class SetBy(StrEnum):
    """Who sets a pace."""

    HAND = "hand"  #: an operator, while all runs: stands until an operator drops it
    SETTINGS = "settings"  #: the settings of the workers
    WORKFLOW = "workflow"  #: the workflow as it is published
    FEEDBACK = "feedback"  #: a domain that asked for patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A limit as it is set."""

    name: str
    per_second: float
    burst: int
    set_by: SetBy
    #: The part of it that is kept for what is urgent.
    reserve: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What there is of limits, as a worker sees it."""

    paces: dict[str, Pace]
    named: frozenset[str]
    #: Whether any limit is set that jobs are marked with; and any of those apart.
    marks: bool
    apart: bool


async def define(
    connection: Connection,
    name: str,
    per_second: float,
    burst: int = 1,
    *,
    reserve: float = 0.0,
    set_by: SetBy = SetBy.HAND,
) -> None:
    """Set the pace *name*: *per_second* on average, *burst* at once after a rest. A pause of it goes on.

    The part *reserve* of it is given to nobody but the urgent. Slots already given stay given. What an operator has set
    is left alone by settings. Raises `Invalid` for a pace below one a day or above any number, a burst below 1, or a
    reserve of all of it.
    """
    if not SLOWEST <= per_second < math.inf or burst < 1:
        raise Invalid(
            f"{per_second} a second with a burst of {burst} is not a pace: at least one a day, burst 1 or more"
        )
    if not 0 <= reserve < 1:
        raise Invalid(f"{reserve:.0%} of a pace cannot be kept for the urgent: something must be left")
    await connection.execute(_SQL["define"], name, per_second, burst, set_by, reserve)


def together(names: Sequence[str]) -> str | None:
    """The pace of a job that falls under all of *names*; None where there are none."""
    return _AND.join(names) or None


def parts(pace: str) -> tuple[str, ...]:
    """The names of the limits that jobs of *pace* fall under."""
    return tuple(pace.split(_AND))


async def drop(connection: Connection, name: str) -> None:
    """Forget the pace and the pause of *name*: no limit any more."""
    await connection.execute(_SQL["drop"], name)


async def free(connection: Connection, name: str) -> bool:
    """No pace for *name* any more, but a pause of it goes on; whether there was a pace."""
    return bool(await connection.fetchval(_SQL["free"], name))


async def find(connection: Connection, names: Sequence[str]) -> dict[str, Pace]:
    """Those of *names* that have a pace."""
    rows = await connection.fetch(_SQL["find"], names)
    return {row["name"]: Pace(**(dict(row) | {"set_by": SetBy(row["set_by"])})) for row in rows}


async def of(connection: Connection, set_by: SetBy) -> set[str]:
    """The names of all paces that *set_by* has set."""
    return {row["name"] for row in await connection.fetch(_SQL["of"], set_by)}


async def known(connection: Connection, names: Sequence[str], kinds: Sequence[str], apart: Sequence[str] = ()) -> Known:
    """What a worker must know of limits: those of *names* that have a pace, and all that begin with one of *kinds*, or
    of those *apart*: only some queues look for jobs under these."""
    row = await connection.fetchrow(_SQL["known"], [*kinds, *apart], SetBy.WORKFLOW, apart)
    assert row is not None
    return Known(
        paces=await find(connection, names), named=frozenset(row["named"]), marks=row["marks"], apart=row["apart"]
    )


async def reserve(
    connection: Connection,
    name: str,
    count: int,
    *,
    also: Sequence[str] = (),
    horizon: timedelta = HORIZON,
    urgent: bool = False,
) -> Reserved | Refused:
    """Up to *count* slots of *name* that lie within *horizon*, keeping to the paces *also* as well.

    It is one statement over all of them: as many slots as every one of the paces has, or none, and none is moved for
    another that refuses. Who is *urgent* may look one slot further ahead than the others, up to two seconds: so the
    next slot is theirs, whatever the others have taken; and takes from what is kept for them if that is free first.

    A pace that does not exist does not limit. The rows are held for the moment of the call only, so this must not
    run inside a transaction: raises RuntimeError there. Commits without waiting for the disk: after a crash of the
    database at most the slots of the last moment are given twice.
    """
    if connection.is_in_transaction():
        raise RuntimeError("limits.reserve holds rows that all workers need: call it outside of a transaction")
    row = await connection.fetchrow(_SQL["reserve"], [name, *also], count, horizon, urgent)
    assert row is not None
    if not row["granted"]:
        return Refused(wait=row["wait"], reason=row["reason"])
    paces = list(zip(row["firsts"], row["gaps"], strict=True))
    slowest = max(row["gaps"], default=0.0)
    delays = tuple(
        timedelta(seconds=max([0.0, *(first + gap * slot for first, gap in paces)])) for slot in range(row["granted"])
    )
    return Reserved(at=row["at"], delays=delays, per_second=1 / slowest if slowest else math.inf)


async def pause(connection: Connection, name: str, after: timedelta, reason: str) -> datetime:
    """Nobody gets a slot of *name* until *after* from now, or until a pause that ends later; until when.

    Works for names without a pace too. A negative *after* is none, and none is longer than `LONGEST_PAUSE`.
    """
    length = min(max(after, timedelta(0)), LONGEST_PAUSE)
    until: datetime = await connection.fetchval(_SQL["pause"], name, length, storable(reason))
    return until


async def close(connection: Connection, name: str, reason: str) -> None:
    """Nobody gets a slot of *name* any more, until `lift`."""
    await connection.fetchval(_SQL["pause"], name, _CLOSED, storable(reason))


async def lift(connection: Connection, name: str) -> bool:
    """End the pause of *name*; whether there was one."""
    return bool(await connection.fetchval(_SQL["lift"], name))


async def paused(connection: Connection, names: Sequence[str]) -> dict[str, Refused]:
    """Those of *names* that are paused now, with how much longer and why."""
    rows = await connection.fetch(_SQL["paused"], names)
    return {row["name"]: Refused(wait=row["wait"], reason=row["reason"]) for row in rows}


async def listed(
    connection: Connection,
    kinds: Sequence[str],
    *,
    owner: UUID | None,
    owned: Sequence[str],
    only: str | None,
    limit: int,
) -> Sequence[Mapping[str, Any]]:
    """At most *limit* paces and pauses whose names begin with one of *kinds*, by name; *only* one of them if given.

    Those of the kinds *owned* have the id of their owner behind it, and are told to *owner* alone; None sees all.
    """
    whose = None if owner is None else str(owner)
    return await connection.fetch(_SQL["listed"], kinds, whose, owned, limit, only)
