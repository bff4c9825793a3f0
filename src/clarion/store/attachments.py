"""Files that go with mails: each once for its tenant, by the SHA-256 of its content."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

#: A file: digest, name, type, size and created_at; of `put` also whether it is new.
Row = Mapping[str, Any]
#: Whose it is, and its digest.
Name = tuple[UUID, bytes]


async def put(connection: Connection, tenant_id: UUID, digest: bytes, *, name: str, type: str, content: bytes) -> Row:
    """Keep *content*, which *digest* is of; where it is kept already, only its name and type change."""
    row: Row | None = await connection.fetchrow(_SQL["put"], tenant_id, digest, name, type, content)
    assert row is not None
    return row


async def get(connection: Connection, tenant_id: UUID, digest: bytes) -> Row | None:
    """A file without its content, or None."""
    row: Row | None = await connection.fetchrow(_SQL["get"], tenant_id, digest)
    return row


async def use(connection: Connection, named: Collection[Name]) -> dict[Name, Row]:
    """Those of the files *named* that there are, without their content: they stay until the transaction ends."""
    rows: Sequence[Row] = await connection.fetch(_SQL["use"], *zip(*sorted(set(named)), strict=True)) if named else ()
    return {(row["tenant_id"], row["digest"]): row for row in rows}


async def keep(connection: Connection, uses: Collection[tuple[Name, UUID]]) -> None:
    """Note which triggers, by their ids, name which files, of those that `use` answered: each pair once."""
    if uses:
        columns = zip(*((*name, trigger_id) for name, trigger_id in sorted(uses)), strict=True)
        await connection.execute(_SQL["keep"], *columns)


async def hold(connection: Connection, named: Collection[tuple[Name, UUID]]) -> None:
    """Note which timers, by their ids, name which files: they stay while these may fire. It waits for nobody."""
    if named:
        tenants, digests, timers = zip(*((*name, timer_id) for name, timer_id in sorted(named)), strict=True)
        await connection.fetch(_SQL["watch"], tenants, digests)
        await connection.execute(_SQL["hold"], tenants, digests, timers)


async def contents(connection: Connection, tenant_id: UUID, digests: Iterable[bytes]) -> dict[bytes, bytes]:
    """The octets of these files, as far as there are any."""
    rows = await connection.fetch(_SQL["contents"], tenant_id, sorted(set(digests)))
    return {row["digest"]: row["content"] for row in rows}


async def prune(connection: Connection, older_than: timedelta, limit: int) -> int:
    """Delete at most *limit* that were last used longer ago, and that nobody needs; how many went."""
    gone: int = await connection.fetchval(_SQL["prune"], older_than, limit)
    return gone


async def count(connection: Connection, older_than: timedelta) -> int:
    """How many `prune` would delete."""
    found: int = await connection.fetchval(_SQL["count"], older_than)
    return found
