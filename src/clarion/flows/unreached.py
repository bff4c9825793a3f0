"""What goes to devices and chats that no account reaches, as things are set up: it waits, and says for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from clarion.channels.base import Item
from clarion.domain.route import Fitness
from clarion.domain.step import Channel
from clarion.flows.batch import Batch
from clarion.store import routing
from clarion.store.database import Connection

#: They look again after so long.
_MUCH_LATER = timedelta(minutes=1)
_NO_ACCOUNT = (
    "no provider is configured for {what} of {whose}: add a table [providers.NAME] of that kind to clarion.toml, and "
    "name it where [{channel}] or [[routes.{channel}]] name others"
)
_WHAT = {Channel.PUSH.value: "devices", Channel.CHAT.value: "chats"}


async def without_account(connection: Connection, batch: Batch[Item], ids: Sequence[UUID]) -> dict[UUID, Fitness]:
    """Why these messages of *batch* wait, for whose devices or chats there is no account: it stands with them, too."""
    if not ids:
        return {}
    reasons = {id: _why_none(batch.rows[id]) for id in ids}
    await routing.explain(connection, reasons)
    return {id: Fitness(reason, _MUCH_LATER) for id, reason in reasons.items()}


def _why_none(row: Mapping[str, Any]) -> str:
    channel = row["channel"]
    reason = _NO_ACCOUNT.format(what=_WHAT[channel], whose=row["whose"], channel=channel)
    return f"{reason}; it is for the account {row['account']}" if row.get("account") else reason
