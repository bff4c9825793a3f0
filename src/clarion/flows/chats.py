"""Chats of recipients: where each is, sealed where that is a secret, and opened when a message is about to go there.

Whoever has the address of a webhook may write to its room. So it is kept like the secrets of webhooks (`domain.vault`),
bound to tenant, recipient and chat; beside it stands a keyed digest, by which a room that is gone is found for all who
have it. What is no secret, such as a channel's id, is kept as it is.
"""

from __future__ import annotations

import os
from uuid import UUID

from clarion.domain.chat import Chat, Kept, is_secret
from clarion.domain.device import shorten
from clarion.domain.vault import NONCE, Vault
from clarion.flows.compose import UNREACHED, Rows
from clarion.store import chats
from clarion.store.database import Connection


class Chats:
    """Keeps addresses, and reads them."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def put(
        self,
        connection: Connection,
        tenant_id: UUID,
        recipient_id: str,
        id: str,
        *,
        provider: str,
        account: str | None,
        address: str,
    ) -> tuple[Chat, bool] | None:
        """Register the chat *id*, or say that it is still there; with it, whether it is new. None: no such recipient.

        Call it in a transaction.
        """
        kept = self._kept(tenant_id, _about(recipient_id, id), address)
        return await chats.put(connection, tenant_id, recipient_id, id, provider=provider, account=account, kept=kept)

    async def reach(self, connection: Connection, rows: Rows) -> Rows:
        """*rows* with the address (`token`) that the chat which each names has now, `whose` kind of account reaches it,
        and the `account`, where it must be that one; None where the chat is gone or takes none. `unreadable` where the
        address was sealed under a secret that is not there any more."""
        found = await chats.of_messages(connection, list(rows.values()))
        reached = {}
        for id, row in rows.items():
            there = dict(found.get(id, UNREACHED))
            if (sealed := there.pop("sealed", None)) is not None:
                about = _about(row["recipient_id"], row["address"])
                address = self._vault.open(row["tenant_id"], about, sealed)
                there["token"] = "" if address is None else address.decode()
                there["unreadable"] = address is None
            reached[id] = {**row, **there}
        return reached

    async def reseal(self, connection: Connection) -> tuple[int, int]:
        """Seal what lies open, or under one of the secrets of before, under the present one.

        How many were, and how many nobody can open any more.
        """
        done = lost = 0
        for row in await chats.to_seal(connection):
            tenant_id, about, sealed = row["tenant_id"], _about(row["recipient_id"], row["id"]), row["sealed"]
            if sealed is not None and self._vault.is_present(sealed):
                continue
            said = row["address"].encode() if sealed is None else self._vault.open(tenant_id, about, sealed)
            if said is None:
                lost += 1
                continue
            done += await chats.reseal(connection, row, self._kept(tenant_id, about, said.decode()))
        return done, lost

    def _kept(self, tenant_id: UUID, about: str, address: str) -> Kept:
        if not is_secret(address):
            return Kept(address)
        said = address.encode()
        sealed = self._vault.seal(tenant_id, about, said, nonce=os.urandom(NONCE))
        return Kept(shorten(address), sealed, self._vault.digest(tenant_id, "chat", said))


def _about(recipient_id: str, id: str) -> str:
    return f"chat|{len(recipient_id)}|{recipient_id}|{id}"
