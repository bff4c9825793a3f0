"""The key that `up` shows: the one configured, or one made once and kept in the data folder."""

from __future__ import annotations

import os
from uuid import UUID

from clarion.app import pepper
from clarion.config import Settings
from clarion.flows.bootstrap import ensure_key, ensure_tenant, new_key
from clarion.store.database import Connection


async def first_key(connection: Connection, settings: Settings) -> tuple[UUID, str]:
    """The default tenant's id and a key that opens everything of it. The file is readable by its owner alone."""
    tenant_id = await ensure_tenant(connection)
    key = settings.api_key.get_secret_value() if settings.api_key else _kept(settings)
    await ensure_key(connection, tenant_id, key, pepper=pepper(settings), name="first key")
    return tenant_id, key


def _kept(settings: Settings) -> str:
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = settings.data_dir / "api-key"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(new_key() + "\n")
    return path.read_text(encoding="ascii").strip()
