"""Publishing a project folder: workflows that changed get new, immutable versions; bindings become those it has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog

from clarion.domain.binding import Binding
from clarion.domain.workflow import Workflow
from clarion.flows.rows import pace_of
from clarion.project.project import Draft
from clarion.queue import limits
from clarion.store import bindings, workflows
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
            await _limit(connection, tenant_id, draft.workflow)
            applied.append(Applied(draft.workflow.key, version, is_new))
            log.info(
                "workflow.published" if is_new else "workflow.unchanged", workflow=draft.workflow.key, version=version
            )
    return applied


async def _limit(connection: Connection, tenant_id: UUID, workflow: Workflow) -> None:
    """Its rate is that of the version that is current: for what an older version has made, too."""
    name = pace_of(tenant_id, workflow.key)
    if workflow.rate is None:
        await limits.drop(connection, name)
    else:
        await limits.define(
            connection,
            name,
            workflow.rate.per_second,
            workflow.rate.burst,
            reserve=workflow.rate.reserve,
            set_by=limits.SetBy.WORKFLOW,
        )


@dataclass(frozen=True, slots=True)
class AppliedBinding:
    """What publishing did to one binding."""

    key: str
    version: int
    #: ``new``, ``changed``, ``unchanged`` or ``removed``.
    status: str


async def apply_bindings(connection: Connection, tenant_id: UUID, wanted: Sequence[Binding]) -> list[AppliedBinding]:
    """Make *wanted* the tenant's bindings; those that are not among them are removed. By key.

    Workers hear of it within seconds of the commit. What has come in before keeps what it caused.
    """
    async with connection.transaction():
        became = await bindings.publish(
            connection, tenant_id, {binding.key: (binding.content_hash, binding.to_json()) for binding in wanted}
        )
    for key, (version, status) in became.items():
        if status != "unchanged":
            log.info("binding.published", binding=key, version=version, status=status)
    return [AppliedBinding(key, version, status) for key, (version, status) in sorted(became.items())]
