"""Devices of recipients: registered, shown, read for sending, disabled when their provider knows them no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from clarion import sql
from clarion.domain.device import MOST_DEVICES, Dead, Device
from clarion.store.database import Connection

_SQL = sql.load(__file__)


async def put(
    connection: Connection,
    tenant_id: UUID,
    recipient_id: str,
    id: str,
    *,
    provider: str,
    token: str,
    platform: str | None,
) -> tuple[Device, bool] | None:
    """Register the device *id*, or say that it is still there; with it, whether it is new. None: no such recipient.

    Call it in a transaction. A token that another device had is taken from it, whosever that is; of more than
    `MOST_DEVICES` those go that were not seen for longest.
    """
    await connection.execute(_SQL["lock_token"], str(tenant_id), token)
    if await connection.fetchval(_SQL["lock_recipient"], tenant_id, recipient_id) is None:
        return None
    await connection.execute(_SQL["take_over"], tenant_id, recipient_id, id, token)
    row = await connection.fetchrow(_SQL["put"], tenant_id, recipient_id, id, provider, token, platform)
    assert row is not None
    if row["created"]:
        await connection.execute(_SQL["trim"], tenant_id, recipient_id, MOST_DEVICES)
    return _device(row), row["created"]


async def list_(connection: Connection, tenant_id: UUID, recipient_id: str) -> list[Device] | None:
    """The devices of a recipient, those that were seen last first; None when there is no such recipient."""
    rows = await connection.fetch(_SQL["list"], tenant_id, recipient_id)
    if not rows and not await connection.fetchval(_SQL["known"], tenant_id, recipient_id):
        return None
    return [_device(row) for row in rows]


async def get(connection: Connection, tenant_id: UUID, recipient_id: str, id: str) -> Device | None:
    """The device *id* of a recipient."""
    row = await connection.fetchrow(_SQL["get"], tenant_id, recipient_id, id)
    return None if row is None else _device(row)


async def delete(connection: Connection, tenant_id: UUID, recipient_id: str, id: str) -> bool:
    """Forget the device *id* of a recipient; False when there is none."""
    return await connection.fetchval(_SQL["delete"], tenant_id, recipient_id, id) is not None


async def of_runs(connection: Connection, runs: Sequence[Mapping[str, Any]]) -> dict[UUID, Sequence[str]]:
    """The ids of the devices that the recipient of each of *runs* (rows of `runs.load`) has now."""
    columns = zip(*((row["id"], row["tenant_id"], row["recipient_id"]) for row in runs), strict=True)
    found = await connection.fetch(_SQL["of_runs"], *columns)
    return {row["run_id"]: row["devices"] for row in found}


async def of_messages(
    connection: Connection, messages: Sequence[Mapping[str, Any]]
) -> dict[UUID, Mapping[str, str | None]]:
    """The `token` of the device that each of *messages* (rows of `messages.load`) names, and `whose` it is.

    Left out are those whose device is gone, is somebody else's by now, or is disabled.
    """
    if not messages:
        return {}
    named = ((row["id"], row["tenant_id"], row["recipient_id"], row["address"]) for row in messages)
    found = await connection.fetch(_SQL["of_messages"], *zip(*named, strict=True))
    return {row["message_id"]: {"token": row["token"], "whose": row["whose"]} for row in found}


async def disable(connection: Connection, dead: Sequence[tuple[UUID, Dead]]) -> int:
    """Nothing more is sent to the devices that have these tokens, each of a tenant's; how many these are.

    Call it in the transaction that records what the provider said.
    """
    known = {(tenant_id, one.token): one.reason for tenant_id, one in dead}
    if not known:
        return 0
    columns = zip(*((tenant_id, token, reason) for (tenant_id, token), reason in known.items()), strict=True)
    return len(await connection.fetch(_SQL["disable"], *columns))


async def disable_used(connection: Connection, used: Sequence[tuple[UUID, str, str]]) -> int:
    """The same for the devices to which messages went: (message, `digest` of the token that was used, why).

    A device that has another token by now is none of them.
    """
    if not used:
        return 0
    columns = zip(*sorted(used), strict=True)
    return len(await connection.fetch(_SQL["disable_used"], *(list(column) for column in columns)))


def _device(row: Mapping[str, Any]) -> Device:
    names = ("id", "provider", "token", "platform", "created_at", "seen_at", "disabled_at", "disabled_reason")
    return Device(**{name: row[name] for name in names})
