"""Rescue: jobs whose worker no longer renews its lease are given back, for another to claim."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from clarion import sql
from clarion.queue.job import Connection

_SQL = sql.load(__file__)

#: A job that took this many workers with it is not to be run again: whoever claims it next buries it, before
#: looking at its arguments.
POISON = 3


class Rescued(NamedTuple):
    """A job taken from a worker that fell silent."""

    id: UUID
    tenant_id: UUID
    queue: str
    kind: str
    #: The worker that held it.
    worker: str | None
    #: How many workers it has been taken from, this one included where that counts.
    rescues: int
    #: It had been cancelled while it ran, so it is gone instead of given back.
    cancelled: bool


async def cut_off(connection: Connection, silent_for: timedelta) -> list[int]:
    """End the sessions of workers that have said nothing for so long in the middle of a transaction; their process ids.

    Such a worker is frozen, or its machine is gone. What it has locked would stay locked: the rows of its jobs, which
    then cannot be rescued, and those that others wait for.
    """
    return [row["pid"] for row in await connection.fetch(_SQL["cut_off"], silent_for)]


async def rescue(connection: Connection, limit: int = 500) -> list[Rescued]:
    """Give back at most *limit* jobs whose lease has run out, those that ran out first first; which they were.

    They are due when they were and keep the attempt that was spent; their workers learn at the next move that they
    lost. Of those that one more death condemns, a worker begins one at a time: had it several of a queue, it died
    before it could give them back, and only the first is counted. Exactly *limit* means that there may be more.
    Several rescuers do not wait for each other.
    """
    return [Rescued._make(row) for row in await connection.fetch(_SQL["rescue"], limit, POISON)]
