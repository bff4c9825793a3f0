"""Workflows as they are now, for accepting triggers: which version is current is asked each time, what it says once."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from clarion.domain.workflow import Workflow
from clarion.errors import NotFound
from clarion.store import workflows
from clarion.store.database import Connection


class Definitions:
    """The definitions in use, by version. Bounded: the one that was not used for longest goes first."""

    def __init__(self, *, keep: int = 1000) -> None:
        self._keep = keep
        self._by_version: OrderedDict[UUID, Workflow] = OrderedDict()

    async def current(self, connection: Connection, tenant_id: UUID, key: str) -> tuple[UUID, Workflow]:
        """The current version of workflow *key*, and what it says.

        Raises `NotFound` when none is published.
        """
        version_id = await workflows.current_version(connection, tenant_id, key)
        if version_id is None:
            raise NotFound(f"There is no workflow {key!r}: publish it with `clarion apply`.")
        if version_id not in self._by_version:
            definition = await workflows.definition(connection, version_id)
            self._by_version[version_id] = Workflow.from_json(definition)
            while len(self._by_version) > self._keep:
                self._by_version.popitem(last=False)
        self._by_version.move_to_end(version_id)
        return version_id, self._by_version[version_id]
