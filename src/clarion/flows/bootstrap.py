"""What an empty database needs before it can be used: a tenant and a first API key."""

from __future__ import annotations

import hmac
import secrets
from uuid import UUID

from clarion import clock
from clarion.domain import key as keys_domain
from clarion.store import keys, tenants
from clarion.store.database import Connection

#: The tenant of an installation that has just one.
DEFAULT_TENANT = "default"


async def ensure_tenant(connection: Connection, name: str = DEFAULT_TENANT) -> UUID:
    """The id of the tenant *name*, made now if there is none."""
    return await tenants.ensure(connection, name)


async def ensure_key(connection: Connection, tenant_id: UUID, key: str, *, pepper: bytes, name: str) -> str | None:
    """Store *key* with all scopes, unless there is one of its id already, which is left as it is.

    Answers why that one does not do what a key stored now would; None when it does.
    """
    id = keys_domain.id_of(key)
    assert id is not None, "settings let only keys of the right shape through"
    digest = keys_domain.digest(pepper, key)
    found = await keys.find(connection, id)
    if found is None and await keys.add(connection, tenant_id, id=id, digest=digest, name=name, scopes=["*"]):
        return None
    found = found or await keys.find(connection, id)  # somebody else was first
    return None if found is None else _why_not(found, digest)


def new_key() -> str:
    """A fresh API key, to be shown once."""
    return keys_domain.make(secrets.token_bytes(keys_domain.ID_BYTES + keys_domain.SECRET_BYTES))


def _why_not(found: keys_domain.ApiKey, digest: bytes) -> str | None:
    if not hmac.compare_digest(found.digest, digest):
        return "it was stored under another CLARION_SECRET, and opens nothing"
    if not found.is_active(clock.now()):
        return "it was revoked or has expired, and opens nothing"
    return None if "*" in found.scopes else "it was made with fewer scopes, and keeps them"
