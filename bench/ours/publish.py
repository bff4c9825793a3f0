"""Making a tenant ready to send: its project published and a key that opens its API. Nothing of it is measured."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from clarion.api.services import pepper_of
from clarion.flows.apply import apply, apply_bindings
from clarion.flows.bootstrap import ensure_key, ensure_tenant
from clarion.project.load import load_project
from clarion.store.database import set_up


async def publish(database: str, project: Path, *, tenant: str, key: str, secret: str) -> None:
    """Make *tenant* unless it is there, give it *key*, whose digest is made with *secret*, and publish *project*."""
    read, mistakes = load_project(project)
    if read is None:
        raise ValueError("; ".join(map(str, mistakes)))
    connection = await asyncpg.connect(database)
    try:
        await set_up(connection)
        tenant_id = await ensure_tenant(connection, tenant)
        await ensure_key(connection, tenant_id, key, pepper=pepper_of(secret.encode()), name="bench")
        await apply(connection, tenant_id, read.workflows)
        await apply_bindings(connection, tenant_id, read.bindings)
    finally:
        await connection.close()
