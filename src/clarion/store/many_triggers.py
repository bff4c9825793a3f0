"""Accepting many triggers at once: what they name, and their rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from clarion import sql
from clarion.store.database import Connection
from clarion.store.triggers import NewTrigger

_SQL = sql.load(__file__)

_COPY_COLUMNS = (
    *("id", "tenant_id", "workflow_key", "workflow_version_id", "priority", "recipient_ids", "topic_keys"),
    *("channels", "payload", "metadata", "transaction_id", "idempotency_key", "request_hash", "traceparent"),
    *("send_at", "expires_at", "total", "expires_given", "attachments", "sandbox"),
)


@dataclass(slots=True)
class Names:
    """What many triggers name, each by (tenant, name)."""

    #: The current versions of the workflows that there are.
    versions: dict[tuple[UUID, str], UUID] = field(default_factory=dict)
    #: Recipients that nobody knows.
    unknown: set[tuple[UUID, str]] = field(default_factory=set)
    #: How many belong to the topics that there are.
    members: dict[tuple[UUID, str], int] = field(default_factory=dict)


async def names(
    connection: Connection,
    workflows: Collection[tuple[UUID, str]],
    recipients: Collection[tuple[UUID, str]],
    topics: Collection[tuple[UUID, str]],
) -> Names:
    """Look up everything that many triggers name, in one statement."""
    columns = [list(column) for pairs in (workflows, recipients, topics) for column in _columns(pairs)]
    found = Names()
    for kind, tenant_id, name, version_id, members in await connection.fetch(_SQL["names"], *columns):
        if kind == "workflow":
            found.versions[tenant_id, name] = version_id
        elif kind == "recipient":
            found.unknown.add((tenant_id, name))
        else:
            found.members[tenant_id, name] = members
    return found


async def accept(connection: Connection, triggers: Sequence[tuple[NewTrigger, int]]) -> None:
    """Store triggers, checked, each with the number of its topics' members, by COPY; their jobs are the caller's."""
    rows = [
        (
            *(t.id, t.tenant_id, t.workflow_key, t.workflow_version_id, t.priority, t.recipient_ids, t.topic_keys),
            *(t.channels, t.payload, t.metadata, t.transaction_id, t.idempotency_key, t.request_hash, t.traceparent),
            *(t.send_at, t.expires_at, len(t.recipient_ids) + members, t.expires_given, t.attachments, t.sandbox),
        )
        for t, members in triggers
    ]
    await connection.copy_records_to_table("trigger", records=rows, columns=_COPY_COLUMNS)


def _columns(pairs: Collection[tuple[UUID, str]]) -> Iterable[Iterable[object]]:
    return zip(*pairs, strict=True) if pairs else ((), ())
