"""Workflows whose messages go to verified addresses alone: which these are is looked up for them only."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from clarion.domain.workflow import Channel, Workflow
from clarion.store import contacts
from clarion.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Which workflows these are."""

    #: The categories all of whose workflows are.
    categories: Collection[str] = ()

    def asks(self, workflow: Workflow) -> bool:
        """Whether messages of *workflow* go to verified addresses alone."""
        return workflow.require_verified or (workflow.category is not None and workflow.category in self.categories)

    async def only(
        self, connection: Connection, rows: Sequence[Mapping[str, Any]], tenants: Mapping[UUID, UUID]
    ) -> list[Mapping[str, Any]]:
        """*rows* of `triggers.page` or `runs.load`; those of the triggers in *tenants*, by id with whose they are, have
        the verified addresses of their recipients: the preferred one, or else the next.
        """
        asked = [row for row in rows if row["trigger_id"] in tenants]
        found = await contacts.verified(
            connection, [(tenants[row["trigger_id"]], row["recipient_id"]) for row in asked]
        )
        verified = {id(row): one for row, one in zip(asked, found, strict=True)}
        return [_with(row, verified[id(row)]) if id(row) in verified else row for row in rows]


def _with(row: Mapping[str, Any], addresses: Mapping[str, str]) -> Mapping[str, Any]:
    email, phone = addresses.get(Channel.EMAIL.value), addresses.get(Channel.SMS.value)
    return {**row, "email": email, "phone": phone}
