"""The tenant that a path names, for what is set of tenants by whoever runs the system."""

from __future__ import annotations

from uuid import UUID

from clarion.domain.suggest import did_you_mean
from clarion.errors import NotFound
from clarion.store import tenants
from clarion.store.database import Connection


async def named_tenant(connection: Connection, name: str) -> UUID:
    """The id of the tenant called *name*. Raises `NotFound` with the nearest one there is."""
    found = await tenants.find(connection, name)
    if found is None:
        known = [tenant.name for tenant in await tenants.list_all(connection)]
        raise NotFound(f"there is no tenant {name}: {did_you_mean(name, known)}")
    return found.id
