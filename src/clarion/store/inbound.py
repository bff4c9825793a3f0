"""What came in from brokers: once each, for ever; and the messages that may kill whoever looks at them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any
from uuid import UUID

from clarion import clock, sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)

#: So much of a message's id is kept to be shown.
_SHOWN = 64
#: Where looking at what comes in begins.
_LATELY = timedelta(minutes=1)


class State(IntEnum):
    """What became of a message."""

    ACCEPTED = 0
    QUARANTINED = 1
    REDRIVEN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInbound:
    """A message that was taken in."""

    id: UUID
    message_id: str
    state: State
    triggers: Sequence[UUID] = ()
    #: What else it caused, for people.
    did: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What became of a message that was here before."""

    triggers: Sequence[UUID]
    #: Why it lies in quarantine, while it does.
    reason: str | None


def inbound_id(tenant_id: UUID, source: str, message_id: str) -> UUID:
    """The same for the same message of a source, and for no other."""
    said = b"\0".join((tenant_id.bytes, source.encode("utf-8", "surrogatepass")))
    digest = hashlib.sha256(said + b"\0" + message_id.encode("utf-8", "surrogatepass")).digest()
    return UUID(bytes=digest[:16])


async def known(connection: Connection, ids: Sequence[UUID]) -> dict[UUID, Known]:
    """Those of *ids* that were taken in before."""
    rows = await connection.fetch(_SQL["known"], ids, State.QUARANTINED.value)
    return {row["id"]: Known(triggers=row["triggers"] or (), reason=row["reason"]) for row in rows}


async def add(connection: Connection, tenant_id: UUID, source: int, messages: Iterable[NewInbound]) -> int:
    """Write *messages* down; how many. Fewer than there are when others wrote some of them meanwhile.

    In the order of their ids, so that two who write the same ones wait for each other and never in a circle.
    """
    rows = sorted(messages, key=lambda one: one.id)
    return len(
        await connection.fetch(
            _SQL["add"],
            tenant_id,
            source,
            [one.id for one in rows],
            [one.message_id[:_SHOWN] for one in rows],
            [one.state.value for one in rows],
            [_joined(one.triggers) for one in rows],
            ["\n".join(one.did) or None for one in rows],  # as those: each is one line
        )
    )


async def redriven(
    connection: Connection, tenant_id: UUID, id: UUID, triggers: Sequence[UUID], did: Sequence[str] = ()
) -> None:
    """The message *id* has left quarantine and become *triggers*, and done what *did* says."""
    given = tenant_id, id, list(triggers) or None, State.REDRIVEN.value, list(did) or None
    await connection.execute(_SQL["redriven"], *given)


async def recent(
    connection: Connection, tenant_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int, source: str | None
) -> Sequence[Mapping[str, Any]]:
    """The next *limit* messages behind *after* in the order in which they came; without it, of the last minute.

    Only those behind which nothing can come any more: a row whose transaction is open still is not passed over.
    """
    at, id = after if after is not None else (clock.now() - _LATELY, UUID(int=0))
    return await connection.fetch(_SQL["recent"], tenant_id, at, id, limit, source)


async def suspects(connection: Connection, ids: Sequence[UUID], worker: str) -> dict[UUID, int]:
    """Those of *ids* that others than *worker* had before, with how many came to no end with each."""
    return {row["id"]: row["deaths"] for row in await connection.fetch(_SQL["suspects"], ids, worker)}


async def suspect(connection: Connection, tenant_id: UUID, deaths: Mapping[UUID, int], worker: str) -> None:
    """*worker* is about to look at these, which so many had before."""
    ids = sorted(deaths)
    await connection.execute(_SQL["suspect"], tenant_id, ids, [deaths[id] for id in ids], worker)


async def clear(connection: Connection, ids: Sequence[UUID]) -> None:
    """These came to an end: nobody died of them."""
    await connection.execute(_SQL["clear"], sorted(ids))


def _joined(triggers: Sequence[UUID]) -> str | None:
    """As text: arrays of arrays must be of equal length in PostgreSQL."""
    return "{" + ",".join([id.hex for id in triggers]) + "}" if triggers else None
