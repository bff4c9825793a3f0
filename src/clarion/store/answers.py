"""What was answered to requests with an Idempotency-Key, for as long as the same request gets the same answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from clarion import ids, sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """A request under a key."""

    tenant_id: UUID
    #: Whose key it is: '' is an application's, else it is this recipient's.
    caller: str
    key: str
    #: Of all that the request says; two with one key must have the same.
    hash: bytes

    @property
    def place(self) -> tuple[UUID, str, str]:
        """Where its answer is kept."""
        return self.tenant_id, self.caller, self.key


async def lock(connection: Connection, request: Keyed) -> bool:
    """Keep others with its key out until the transaction ends; False when one is being answered just now."""
    locked: bool = await connection.fetchval(_SQL["lock"], str(request.tenant_id), request.caller, request.key)
    return locked


async def find(connection: Connection, request: Keyed) -> Row | None:
    """What is kept under its key: `request_hash`, and `answer`, which is None while somebody is at work on it."""
    row: Row | None = await connection.fetchrow(_SQL["find"], *request.place)
    return row


async def keep(connection: Connection, request: Keyed, answer: bytes, life: timedelta) -> None:
    """Keep *answer* for *life*. Hold the `lock`, with nothing there that `find` would find."""
    await connection.execute(_SQL["keep"], *request.place, request.hash, answer, None, life)


async def claim(connection: Connection, request: Keyed, lease: timedelta) -> UUID:
    """Claim the key, for *lease* at most: whoever dies meanwhile does not keep it. Hold the `lock`, as for `keep`."""
    mine = ids.new()
    await connection.execute(_SQL["keep"], *request.place, request.hash, None, mine, lease)
    return mine


async def settle(connection: Connection, request: Keyed, claim: UUID, answer: bytes, life: timedelta) -> None:
    """Keep *answer* for *life* in place of *claim*; nothing if that ran out and the key is another's by now."""
    await connection.execute(_SQL["settle"], *request.place, claim, answer, life)


async def release(connection: Connection, request: Keyed, claim: UUID) -> None:
    """Give *claim* back: the request came to nothing, and may be sent again."""
    await connection.execute(_SQL["release"], *request.place, claim)


async def prune(connection: Connection, older_than: timedelta, limit: int) -> int:
    """Forget at most *limit* answers and claims that expired longer ago; how many went."""
    gone: int = await connection.fetchval(_SQL["prune"], older_than, limit)
    return gone
