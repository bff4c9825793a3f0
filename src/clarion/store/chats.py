"""Chats of recipients: registered, shown, read for sending, disabled when their provider says that they are gone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.domain.chat import MOST_CHATS, Chat, Kept
from clarion.domain.device import Dead
from clarion.store.database import Connection

_SQL = sql.load(__file__)


async def put(
    connection: Connection,
    tenant_id: UUID,
    recipient_id: str,
    id: str,
    *,
    provider: str,
    account: str | None,
    kept: Kept,
) -> tuple[Chat, bool] | None:
    """Register the chat *id*, or say that it is still there; with it, whether it is new. None: no such recipient.

    Call it in a transaction. Of more than `MOST_CHATS` those go that were not seen for longest.
    """
    if await connection.fetchval(_SQL["lock_recipient"], tenant_id, recipient_id) is None:
        return None
    row = await connection.fetchrow(_SQL["put"], tenant_id, recipient_id, id, provider, account, *kept)
    assert row is not None
    if row["created"]:
        await connection.execute(_SQL["trim"], tenant_id, recipient_id, MOST_CHATS)
    return _chat(row), row["created"]


async def list_(connection: Connection, tenant_id: UUID, recipient_id: str) -> list[Chat] | None:
    """The chats of a recipient, those that were seen last first; None when there is no such recipient."""
    rows = await connection.fetch(_SQL["list"], tenant_id, recipient_id)
    if not rows and not await connection.fetchval(_SQL["known"], tenant_id, recipient_id):
        return None
    return [_chat(row) for row in rows]


async def get(connection: Connection, tenant_id: UUID, recipient_id: str, id: str) -> Chat | None:
    """The chat *id* of a recipient."""
    row = await connection.fetchrow(_SQL["get"], tenant_id, recipient_id, id)
    return None if row is None else _chat(row)


async def delete(connection: Connection, tenant_id: UUID, recipient_id: str, id: str) -> bool:
    """Forget the chat *id* of a recipient; False when there is none."""
    return await connection.fetchval(_SQL["delete"], tenant_id, recipient_id, id) is not None


async def of_people(connection: Connection, people: Sequence[tuple[UUID, str]]) -> list[Sequence[str]]:
    """The ids of the chats that take messages, of each of *people* (tenant and recipient) in their order."""
    found: list[Sequence[str]] = [()] * len(people)
    if people:
        for row in await connection.fetch(_SQL["of_people"], *zip(*people, strict=True)):
            found[row["place"] - 1] = row["chats"]
    return found


async def of_messages(connection: Connection, messages: Sequence[Mapping[str, Any]]) -> dict[UUID, Mapping[str, Any]]:
    """The address (`token`) of the chat that each of *messages* (rows of `messages.load`) names, or `sealed` with its
    `digest`; `whose` kind of account reaches it, and which `account`.

    Left out are those whose chat is gone or disabled.
    """
    if not messages:
        return {}
    named = ((row["id"], row["tenant_id"], row["recipient_id"], row["address"]) for row in messages)
    found = await connection.fetch(_SQL["of_messages"], *zip(*named, strict=True))
    return {
        row["message_id"]: {name: row[name] for name in ("token", "sealed", "digest", "whose", "account")}
        for row in found
    }


async def disable(connection: Connection, dead: Sequence[tuple[UUID, Dead]]) -> int:
    """Nothing more is sent to the chats at these addresses, each of a tenant's; how many these are.

    Call it in the transaction that records what the provider said.
    """
    known = {(tenant_id, one.provider, one.token, one.digest): one.reason for tenant_id, one in dead}
    if not known:
        return 0
    columns = zip(*((*place, reason) for place, reason in known.items()), strict=True)
    return len(await connection.fetch(_SQL["disable"], *columns))


async def to_seal(connection: Connection) -> Sequence[Mapping[str, Any]]:
    """The chats of all tenants whose address is a secret: sealed, or lying open."""
    return await connection.fetch(_SQL["to_seal"])


async def reseal(connection: Connection, was: Mapping[str, Any], kept: Kept) -> bool:
    """Keep the address of a chat (a row of `to_seal`) as *kept*, if it is still that of before."""
    key = (was["tenant_id"], was["recipient_id"], was["id"])
    return await connection.fetchval(_SQL["reseal"], *key, was["address"], was["sealed"], *kept) is not None


def _chat(row: Mapping[str, Any]) -> Chat:
    names = ("id", "provider", "account", "address", "created_at", "seen_at", "disabled_at", "disabled_reason")
    return Chat(**{name: row[name] for name in names}, sealed=row["sealed"])
