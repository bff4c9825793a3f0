"""What a job is: a narrow row that lives while there is work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID
from zlib import crc32

import asyncpg

from clarion import ids

Connection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"
Pool: TypeAlias = "asyncpg.Pool[Any]"

#: Tenants are spread over this many lanes; a claim is shared among the lanes that have work.
LANES = 64

#: Jobs that keep to a pace of their own stand in lanes behind those, so that they are in nobody's way.
PACED_LANES = 32_000

#: How many characters of an error are kept.
ERROR_LIMIT = 4000

#: Priorities are 0 (first) to this one (last).
LAST_PRIORITY = 3


def lane_of(tenant_id: UUID, pace: str | None = None) -> int:
    """The lane of a tenant: the random end of its id. Of jobs that keep to *pace*: one of those behind, by its name.

    Two paces may have the same: nothing may rely on a lane holding the jobs of one.
    """
    return tenant_id.int % LANES if pace is None else LANES + crc32(pace.encode()) % PACED_LANES


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to add."""

    queue: str
    #: What is to be done, for the worker to choose a handler by.
    kind: str
    tenant_id: UUID
    #: Given by the caller when something else has the same id; a new one otherwise.
    id: UUID = field(default_factory=ids.new)
    priority: int = 2
    #: When it is due; None means at once, by the database's clock.
    run_at: datetime | None = None
    #: Unique per tenant and queue while the job lives.
    key: str | None = None
    args: Any = None
    #: Where the count of claims begins. For a job whose id another one had before: above what its holders know, for
    #: whoever was frozen with that one must not be taken for a holder of this.
    fence: int = 0
    #: The name of a limit that it keeps to besides those of its queue; see `queue.limits`.
    pace: str | None = None


class Job(NamedTuple):
    """A job as claimed. The order of the fields is the order in which claim.sql returns them."""

    id: UUID
    tenant_id: UUID
    queue: str
    kind: str
    priority: int
    lane: int
    run_at: datetime
    #: How many tries this one makes, the present included.
    attempts: int
    #: How many workers died holding it.
    rescues: int
    #: What makes this claim ours; see `LostLease`.
    fence: int
    rev: int
    key: str | None
    args: Any
    #: What went wrong last time.
    error: str | None
    #: The limit that it keeps to besides those of its queue.
    pace: str | None = None

    def __hash__(self) -> int:
        """By id and claim alone: arguments are JSON and cannot be hashed."""
        return hash((self.id, self.fence))


def first_claim(
    id: UUID,
    tenant_id: UUID,
    queue: str,
    kind: str,
    priority: int,
    lane: int,
    run_at: datetime,
    key: str | None,
    args: Any,
    pace: str | None,
) -> Job:
    """A job that was added as claimed: the row that COPY takes, as its first claim would show it."""
    return Job(id, tenant_id, queue, kind, priority, lane, run_at, 1, 0, 1, 0, key, args, None, pace)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOff:
    """A job to be given back for later."""

    job: Job
    #: From now; None leaves it due when it was.
    after: timedelta | None
    error: str | None = None
    #: False when the wait is nobody's failure (a limit, a pause, an open breaker): the attempt is not spent.
    spent: bool = True


def held(jobs: Iterable[Job]) -> tuple[list[UUID], list[int], list[int]]:
    """Ids, fences and revisions as three columns, by id: how statements are told which claims they act for.

    The order is that in which rows are locked: a settle and a heartbeat of the same jobs must not wait for each other.
    """
    jobs = sorted(jobs, key=lambda job: job.id)
    return [job.id for job in jobs], [job.fence for job in jobs], [job.rev for job in jobs]


def storable(error: str) -> str:
    """*error* as PostgreSQL can keep it: no NUL, no lone surrogates, not longer than it is of use.

    A provider's answer may hold anything, and a job whose error cannot be written would never leave its worker.
    """
    return error[:ERROR_LIMIT].replace("\0", "\ufffd").encode("utf-8", "replace").decode()
