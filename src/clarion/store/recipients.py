"""Recipients and where they are reached: address and number are preferred contacts; the rest is columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from clarion import sql
from clarion.domain.address import same_mailbox
from clarion.domain.recipient import Recipient
from clarion.domain.step import Channel

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

    Their address and number take the place of those that were preferred; others that they have stay.

    Call it in a transaction. No id may be given twice.
    """
    columns = zip(*((r.id, r.name, r.locale, r.timezone, r.data) for r in recipients), strict=True)
    ids, names, locales, zones, data = (list(column) for column in columns)
    rows = await connection.fetch(_SQL["put"], tenant_id, ids, names, locales, zones, data)
    created = {row["id"] for row in rows if row["created"]}
    if len(created) < len(ids):
        mailboxes = [same_mailbox(r.email) if r.email else None for r in recipients]
        await connection.execute(_SQL["drop_contacts"], tenant_id, ids, mailboxes, [r.phone for r in recipients])
    if contacts := [contact for r in recipients for contact in _contacts(r)]:
        await connection.execute(_SQL["put_contacts"], tenant_id, *zip(*contacts, strict=True))
    return created


async def merge_many(connection: Connection, tenant_id: UUID, recipients: Sequence[Recipient]) -> None:
    """Store *recipients* over what is known of them: what is not given stays as it was, own fields are merged.

    Call it in a transaction. No id may be given twice.
    """
    columns = zip(*((r.id, r.name, r.locale, r.timezone, r.data) for r in recipients), strict=True)
    contacts = [contact for r in recipients for contact in _contacts(r)]
    theirs = zip(*contacts, strict=True) if contacts else ((), (), (), ())
    await connection.execute(_SQL["merge"], tenant_id, *columns, *theirs)


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


def _contacts(recipient: Recipient) -> Iterator[tuple[str, str, str, str]]:
    """Where *recipient* can be reached: their id, the channel, the address, and what all its spellings share."""
    if recipient.email:
        yield recipient.id, Channel.EMAIL.value, recipient.email, same_mailbox(recipient.email)
    if recipient.phone:
        yield recipient.id, Channel.SMS.value, recipient.phone, recipient.phone
