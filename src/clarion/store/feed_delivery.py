"""Putting items into feeds: the row is the delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from clarion import sql
from clarion.domain.content import InAppContent
from clarion.store.database import Connection

_SQL = sql.load(__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """One item for one recipient's feed."""

    message_id: UUID
    tenant_id: UUID
    recipient_id: str
    workflow_key: str
    category: str | None
    content: InAppContent


async def deliver(connection: Connection, items: Sequence[NewItem]) -> None:
    """Add *items* and count them, in the transaction that moves their messages."""
    if not items:
        return
    await connection.execute(
        _SQL["deliver"],
        [i.message_id for i in items],
        [i.tenant_id for i in items],
        [i.recipient_id for i in items],
        [i.workflow_key for i in items],
        [i.category for i in items],
        [i.content.title for i in items],
        [i.content.body for i in items],
        [i.content.url for i in items],
        [dict(i.content.data) for i in items],
    )
