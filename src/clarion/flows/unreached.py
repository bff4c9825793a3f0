"""What goes to devices and chats that no account reaches, as things are set up: it waits, and says for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from clarion.channels.base import Item, label_of
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


def reaching(takes: Mapping[str, str], whose: str, account: str | None) -> list[str]:
    """The accounts that reach a device or chat of the kind *whose*, and of a chat that names its *account* that one.

    *takes*: by the label of each account, whose tokens it takes.
    """
    one = label_of(whose, account) if account else None
    return [label for label, taken in takes.items() if taken == whose and one in (None, label)]


def why_no_account(channel: str, whose: str, account: str | None) -> str:
    """Why a message waits for whose device or chat there is no account."""
    reason = _NO_ACCOUNT.format(what=_WHAT[channel], whose=whose, channel=channel)
    return f"{reason}; it is for the account {account}" if account else reason


def _why_none(row: Mapping[str, Any]) -> str:
    return why_no_account(row["channel"], row["whose"], row.get("account"))
