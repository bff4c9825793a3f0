"""Looking at timers: one, and lists of them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from clarion import sql
from clarion.domain.timer import TimerStatus
from clarion.store.database import Connection
from clarion.store.timers import Row

_SQL = sql.load(__file__)

_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)
#: Behind every character that a key can have.
_LAST = chr(0x10FFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which timers of one tenant."""

    status: str | None = None
    key_prefix: str = ""
    due_after: datetime | None = None
    due_before: datetime | None = None
    #: Values by name; each may be the text itself or, where it is written like one, a number or a truth value.
    metadata: Mapping[str, str] = field(default_factory=dict)


async def get(connection: Connection, tenant_id: UUID, key: str) -> Row | None:
    """The timer *key*."""
    return await connection.fetchrow(_SQL["get"], tenant_id, key)


async def get_by_id(connection: Connection, tenant_id: UUID, id: UUID) -> Row | None:
    """The timer *id*."""
    return await connection.fetchrow(_SQL["get_by_id"], tenant_id, id)


async def list_by_time(
    connection: Connection, tenant_id: UUID, wanted: Wanted, after: tuple[datetime, UUID] | None, limit: int
) -> list[Row]:
    """The next *limit* behind *after* (time, id), by the time at which they fire. Call it in a transaction."""
    at, id = after or (_EARLIEST, UUID(int=0))
    times = (wanted.due_after or _EARLIEST, wanted.due_before or _LATEST)
    if not wanted.metadata:
        return await connection.fetch(_SQL["by_time"], tenant_id, _statuses(wanted), at, id, *times, limit)
    # An index of what JSON contains can only be read as a bitmap, which pools turn off; and a plan that was made while
    # there was nothing would not use it.
    await connection.execute("SET LOCAL enable_bitmapscan = on; SET LOCAL plan_cache_mode = force_custom_plan")
    return await connection.fetch(
        _SQL["by_metadata"],
        *(tenant_id, _statuses(wanted), at, id, *times, limit, _meanings(wanted.metadata), wanted.key_prefix),
    )


async def list_by_firing(
    connection: Connection, tenant_id: UUID, since: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> list[Row]:
    """The next *limit* behind *after* (`updated_at`, id) of those that fired at *since* or later, in that order."""
    at, id = after or (_EARLIEST, UUID(int=0))
    return await connection.fetch(_SQL["by_firing"], tenant_id, at, id, since, limit)


async def list_by_key(connection: Connection, tenant_id: UUID, wanted: Wanted, after: str, limit: int) -> list[Row]:
    """The next *limit* behind the key *after*, by their keys."""
    times = (wanted.due_after or _EARLIEST, wanted.due_before or _LATEST)
    last = wanted.key_prefix + _LAST
    return await connection.fetch(
        _SQL["by_key"], tenant_id, _statuses(wanted), after, wanted.key_prefix, last, *times, limit
    )


def _statuses(wanted: Wanted) -> list[str]:
    return [wanted.status] if wanted.status else [status.value for status in TimerStatus]


def _meanings(metadata: Mapping[str, str]) -> list[dict[str, Any]]:
    """Every object that may be meant by *metadata*, in which all is text."""
    choices = [[(name, value) for value in _values(text)] for name, text in metadata.items()]
    return [dict(chosen) for chosen in itertools.product(*choices)]


def _values(text: str) -> list[object]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return [text]
    return [text, value] if isinstance(value, int | float) else [text]
