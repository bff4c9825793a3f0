"""What an empty database needs before it can be used: a tenant and a first API key."""

from __future__ import annotations

import secrets
from uuid import UUID

from clarion.domain import key as keys_domain
from clarion.store import keys, tenants
from clarion.store.database import Connection

#: The tenant of an installation that has just one.
DEFAULT_TENANT = "default"


async def ensure_tenant(connection: Connection, name: str = DEFAULT_TENANT) -> UUID:
    """The id of the tenant *name*, made now if there is none."""
    return await tenants.ensure(connection, name)


async def ensure_key(connection: Connection, tenant_id: UUID, key: str, *, pepper: bytes, name: str) -> None:
    """Store *key* with all scopes, unless there is one of its id already."""
    id = keys_domain.id_of(key)
    assert id is not None, "settings let only keys of the right shape through"
    await keys.add(connection, tenant_id, id=id, digest=keys_domain.digest(pepper, key), name=name, scopes=["*"])


def new_key() -> str:
    """A fresh API key, to be shown once."""
    return keys_domain.make(secrets.token_bytes(keys_domain.ID_BYTES + keys_domain.SECRET_BYTES))
