"""The first key: the one configured, for whoever deploys; for `up` else one made once and kept in the data folder."""

from __future__ import annotations

import os
from uuid import UUID

import structlog

from clarion.app import pepper
from clarion.cli.database import revision
from clarion.config import Settings
from clarion.domain.key import id_of
from clarion.flows.bootstrap import ensure_key, ensure_tenant, new_key
from clarion.store.database import Connection
from clarion.store.migrate import HEAD

log = structlog.get_logger()


async def first_key(connection: Connection, settings: Settings) -> tuple[UUID, str]:
    """The default tenant's id and a key that opens everything of it. The file is readable by its owner alone."""
    tenant_id = await ensure_tenant(connection)
    key = settings.api_key.get_secret_value() if settings.api_key else _kept(settings)
    await _store(connection, tenant_id, key, settings)
    return tenant_id, key


async def configured_key(connection: Connection, settings: Settings) -> bool:
    """Make sure that the configured key is there, if one is; False when the database has no schema for it yet."""
    if settings.api_key is None:
        return True
    found = await revision(connection)
    if found is None or found < HEAD:
        return False
    await _store(connection, await ensure_tenant(connection), settings.api_key.get_secret_value(), settings)
    return True


async def _store(connection: Connection, tenant_id: UUID, key: str, settings: Settings) -> None:
    why = await ensure_key(connection, tenant_id, key, pepper=pepper(settings), name="first key")
    if why is not None:
        log.warning("key.not_as_configured", key=id_of(key), why=why)


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
