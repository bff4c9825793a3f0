"""Publishing a project into a database, for the commands that do it."""

from __future__ import annotations

from uuid import UUID

import asyncpg

from clarion.flows.apply import Applied, apply
from clarion.project.project import Project
from clarion.store.database import set_up


async def publish(url: str, tenant_id: UUID, project: Project) -> list[Applied]:
    """Publish all of *project* for one tenant, over a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        await set_up(connection)
        return await apply(connection, tenant_id, project.workflows)
    finally:
        await connection.close()
