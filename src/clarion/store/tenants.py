"""Tenants: whose everything else is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from clarion import ids, sql

if TYPE_CHECKING:
    from clarion.store.database import Connection

_SQL = sql.load(__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One tenant."""

    id: UUID
    name: str
    created_at: datetime


async def ensure(connection: Connection, name: str) -> UUID:
    """The id of the tenant called *name*, made now if there is none. Safe when many ask at once."""
    id: UUID = await connection.fetchval(_SQL["ensure"], ids.new(), name)
    return id


async def find(connection: Connection, name: str) -> Tenant | None:
    """The tenant called *name*."""
    row = await connection.fetchrow(_SQL["find"], name)
    return Tenant(**dict(row)) if row else None


async def names(connection: Connection, wanted: Collection[UUID]) -> dict[UUID, str]:
    """What the tenants *wanted* are called; those that are gone are left out."""
    return {row["id"]: row["name"] for row in await connection.fetch(_SQL["names"], list(wanted))}


async def list_all(connection: Connection) -> list[Tenant]:
    """All tenants, oldest first."""
    return [Tenant(**dict(row)) for row in await connection.fetch(_SQL["list"])]
