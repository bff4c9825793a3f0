"""What is told of messages and triggers to those who listen to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)


async def messages(connection: Connection, ids: Collection[UUID]) -> Sequence[Mapping[str, Any]]:
    """The messages *ids* as they are now."""
    return await connection.fetch(_SQL["messages"], list(ids), min(ids), max(ids))


async def triggers(connection: Connection, ids: Collection[UUID]) -> Sequence[Mapping[str, Any]]:
    """The triggers *ids*, completed, with their counts."""
    return await connection.fetch(_SQL["triggers"], list(ids))


async def sandboxed(connection: Connection, ids: Collection[UUID]) -> set[UUID]:
    """Those of the jobs *ids* whose trigger, run or message is in a sandbox."""
    rows = await connection.fetch(_SQL["sandboxed"], list(ids), min(ids), max(ids)) if ids else ()
    return {row["id"] for row in rows}


async def about(connection: Connection, ids: Collection[UUID]) -> Sequence[Mapping[str, Any]]:
    """What was said when these triggers were accepted: workflow, payload, the application's own words."""
    return await connection.fetch(_SQL["about"], list(ids))
