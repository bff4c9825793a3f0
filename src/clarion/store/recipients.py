"""Recipients and where they can be reached. Email is a contact; the others of a person are columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from clarion import sql
from clarion.domain.address import same_mailbox
from clarion.domain.recipient import Recipient

if TYPE_CHECKING:
    from clarion.store.database import Connection

_SQL = sql.load(__file__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecipient:
    """A recipient with the times of its row."""

    recipient: Recipient
    created_at: datetime
    updated_at: datetime


async def get(connection: Connection, tenant_id: UUID, id: str) -> StoredRecipient | None:
    """The recipient *id*."""
    row = await connection.fetchrow(_SQL["get"], tenant_id, id)
    if row is None:
        return None
    fields = dict(row)
    created_at, updated_at = fields.pop("created_at"), fields.pop("updated_at")
    return StoredRecipient(recipient=Recipient(**fields), created_at=created_at, updated_at=updated_at)


async def missing(connection: Connection, tenant_id: UUID, ids: Sequence[str]) -> list[str]:
    """Those of *ids* that are no recipient's, sorted, each once.

    The others cannot be deleted before the caller's transaction ends.
    """
    known = {row["id"] for row in await connection.fetch(_SQL["lock"], tenant_id, list(ids))}
    return sorted(set(ids) - known)


async def put_many(connection: Connection, tenant_id: UUID, recipients: Sequence[Recipient]) -> set[str]:
    """Store *recipients* whole, in place of what was there; the ids of those that are new.

    Call it in a transaction. No id may be given twice.
    """
    columns = zip(*((r.id, r.name, r.locale, r.timezone, r.data, r.email) for r in recipients), strict=True)
    ids, names, locales, zones, data, emails = (list(column) for column in columns)
    rows = await connection.fetch(_SQL["put"], tenant_id, ids, names, locales, zones, data)
    created = {row["id"] for row in rows if row["created"]}
    mailboxes = [same_mailbox(email) if email else None for email in emails]
    if len(created) < len(ids):
        await connection.execute(_SQL["drop_contacts"], tenant_id, ids, mailboxes)
    if any(emails):
        await connection.execute(_SQL["put_contacts"], tenant_id, ids, emails, mailboxes)
    return created


async def merge_many(connection: Connection, tenant_id: UUID, recipients: Sequence[Recipient]) -> None:
    """Store *recipients* over what is known of them: what is not given stays as it was, own fields are merged.

    Call it in a transaction. No id may be given twice.
    """
    columns = zip(*((r.id, r.name, r.locale, r.timezone, r.data, r.email) for r in recipients), strict=True)
    ids, names, locales, zones, data, emails = (list(column) for column in columns)
    mailboxes = [same_mailbox(email) if email else None for email in emails]
    await connection.execute(_SQL["merge"], tenant_id, ids, names, locales, zones, data, emails, mailboxes)


async def delete(connection: Connection, tenant_id: UUID, id: str) -> bool:
    """Forget the recipient *id*: contacts, memberships and feed too; False when there is none.

    Call it in a transaction. What was sent to them stays on record.
    """
    if await connection.fetchval(_SQL["lock_for_delete"], tenant_id, id) is None:
        return False
    # Nobody can add them to a topic any more: that takes a lock on the recipient first.
    if keys := [row["topic_key"] for row in await connection.fetch(_SQL["topics_of"], tenant_id, id)]:
        await connection.execute(_SQL["lock_topics"], tenant_id, keys)
        await connection.execute(_SQL["leave_topics"], tenant_id, id)
    await connection.execute(_SQL["drop_feed_counter"], tenant_id, id)
    await connection.execute(_SQL["drop_feed"], tenant_id, id)
    await connection.execute(_SQL["delete"], tenant_id, id)
    return True
