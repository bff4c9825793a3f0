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
