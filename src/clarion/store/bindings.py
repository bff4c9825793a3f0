"""Bindings as published: what a project folder says is done when something happens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)


async def publish(
    connection: Connection, tenant_id: UUID, wanted: Mapping[str, tuple[str, Mapping[str, object]]]
) -> dict[str, tuple[int, str]]:
    """Make *wanted* (by key: hash and definition) the tenant's bindings, and remove all others.

    Answers, by key, the version and what became of it: ``new``, ``changed``, ``unchanged`` or ``removed``. To be called
    in a transaction; workers see the change when it has committed.
    """
    await connection.execute(_SQL["lock"], str(tenant_id))
    before = {row["key"]: (row["version"], row["hash"]) for row in await list_(connection, tenant_id)}
    became: dict[str, tuple[int, str]] = {}
    for key, (hash, _) in wanted.items():
        version, known = before.get(key, (0, None))
        same = known == hash
        became[key] = (version, "unchanged") if same else (version + 1, "changed" if version else "new")
    gone = [key for key in before if key not in wanted]
    became |= {key: (before[key][0], "removed") for key in gone}
    put = [key for key, (_, what) in became.items() if what in ("new", "changed")]
    if put:
        hashes, definitions = zip(*(wanted[key] for key in put), strict=True)
        await connection.execute(_SQL["put"], tenant_id, put, hashes, definitions)
    if gone:
        await connection.execute(_SQL["remove"], tenant_id, gone)
    if put or gone:
        await connection.execute(_SQL["changed"], tenant_id)
    return became


async def list_(connection: Connection, tenant_id: UUID) -> Sequence[Mapping[str, Any]]:
    """All bindings of a tenant (key, version, hash, definition, updated_at), by key."""
    return await connection.fetch(_SQL["list"], tenant_id)


async def revisions(connection: Connection) -> dict[UUID, int]:
    """A number for each tenant that has or had bindings, which rises when they change."""
    return {row["tenant_id"]: row["revision"] for row in await connection.fetch(_SQL["revisions"])}


async def of_tenants(connection: Connection, tenant_ids: Collection[UUID]) -> Sequence[Mapping[str, Any]]:
    """The bindings (tenant_id, key, version, definition) of these tenants."""
    return await connection.fetch(_SQL["of_tenants"], list(tenant_ids))
