"""Publishing a project folder: each workflow that changed gets a new, immutable version."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import structlog

from clarion.project.project import Draft
from clarion.store import workflows
from clarion.store.database import Connection

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Applied:
    """What publishing did to one workflow."""

    key: str
    version: int
    #: False when its content equals the version that was current already.
    is_new: bool


async def apply(connection: Connection, tenant_id: UUID, drafts: Iterable[Draft]) -> list[Applied]:
    """Publish all of *drafts* or none. Runs in flight keep the version they began with."""
    applied = []
    async with connection.transaction():
        for draft in drafts:
            definition, bundle, hash = draft.to_json()
            version, is_new = await workflows.publish(
                connection, tenant_id, draft.workflow.key, hash=hash, definition=definition, bundle=bundle
            )
            applied.append(Applied(draft.workflow.key, version, is_new))
            log.info(
                "workflow.published" if is_new else "workflow.unchanged", workflow=draft.workflow.key, version=version
            )
    return applied
