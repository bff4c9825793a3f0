"""What published workflows say, for accepting triggers: read once per version."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from clarion.domain.workflow import Workflow
from clarion.store import workflows
from clarion.store.database import Connection


class Definitions:
    """The definitions in use, by version. Bounded: the one that was not used for longest goes first."""

    def __init__(self, *, keep: int = 1000) -> None:
        self._keep = keep
        self._by_version: OrderedDict[UUID, Workflow] = OrderedDict()
        self._latest: OrderedDict[tuple[UUID, str], UUID] = OrderedDict()

    def latest(self, tenant_id: UUID, key: str) -> UUID | None:
        """The version that was current when the workflow *key* was last looked up: a guess, good for asking again."""
        return self._latest.get((tenant_id, key))

    def found(self, tenant_id: UUID, key: str, version_id: UUID) -> None:
        """The workflow *key* was looked up, and this was its current version."""
        self._latest[tenant_id, key] = version_id
        self._latest.move_to_end((tenant_id, key))
        while len(self._latest) > self._keep:
            self._latest.popitem(last=False)

    async def get(self, connection: Connection, version_id: UUID) -> Workflow:
        """What the version *version_id*, which exists, says."""
        workflow = self._by_version.get(version_id)
        if workflow is None:
            workflow = Workflow.from_json(await workflows.definition(connection, version_id))
            self._by_version[version_id] = workflow
            while len(self._by_version) > self._keep:
                self._by_version.popitem(last=False)
        self._by_version.move_to_end(version_id)
        return workflow
