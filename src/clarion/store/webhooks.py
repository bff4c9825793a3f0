"""Webhooks of recipients: registered, shown, read for sending, and how it goes with them. Secrets stay sealed here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from clarion import sql
from clarion.domain.webhook import MOST_WEBHOOKS, Health
from clarion.store.database import Connection

_SQL = sql.load(__file__)

Row = Mapping[str, Any]


class Which(NamedTuple):
    """One webhook among all."""

    tenant_id: UUID
    recipient_id: str
    id: UUID


class TooMany(Exception):
    """The recipient has as many webhooks as one may have."""


async def add(
    connection: Connection,
    which: Which,
    *,
    url: str,
    description: str | None,
    workflows: Sequence[str] | None,
    secret: bytes,
    secret_end: str,
) -> Row | None:
    """Register a webhook with its sealed *secret*; None: no such recipient. Raises `TooMany`.

    Call it in a transaction.
    """
    if await connection.fetchval(_SQL["lock_recipient"], *which[:2]) is None:
        return None
    if await connection.fetchval(_SQL["count"], *which[:2]) >= MOST_WEBHOOKS:
        raise TooMany
    return await connection.fetchrow(_SQL["add"], *which, url, description, workflows, secret, secret_end)


async def list_(connection: Connection, tenant_id: UUID, recipient_id: str) -> Sequence[Row] | None:
    """The webhooks of a recipient, the first registered first; None when there is no such recipient."""
    rows = await connection.fetch(_SQL["list"], tenant_id, recipient_id)
    if not rows and not await connection.fetchval(_SQL["known"], tenant_id, recipient_id):
        return None
    return rows


async def get(connection: Connection, which: Which) -> Row | None:
    """The webhook, if it is there."""
    return await connection.fetchrow(_SQL["get"], *which)


async def change(
    connection: Connection, which: Which, *, url: str, description: str | None, workflows: Sequence[str] | None
) -> Row | None:
    """Let it be at *url*, and want what *workflows* say; None when it is not there."""
    return await connection.fetchrow(_SQL["change"], *which, url, description, workflows)


async def rotate(
    connection: Connection, which: Which, *, secret: bytes, secret_end: str, overlap: timedelta
) -> Row | None:
    """Sign with another sealed *secret*, and for *overlap* with the one of before as well."""
    return await connection.fetchrow(_SQL["rotate"], *which, secret, secret_end, overlap)


async def enable(connection: Connection, which: Which) -> Row | None:
    """Post to it again, and forget what went wrong."""
    return await connection.fetchrow(_SQL["enable"], *which)


async def disable(connection: Connection, which: Which, reason: str) -> Row | None:
    """Post nothing more to it."""
    return await connection.fetchrow(_SQL["disable"], *which, reason)


async def delete(connection: Connection, which: Which) -> bool:
    """Forget it; False when it is not there."""
    return await connection.fetchval(_SQL["delete"], *which) is not None


async def of_runs(
    connection: Connection, runs: Sequence[Row], workflows: Mapping[UUID, str]
) -> dict[UUID, Sequence[UUID]]:
    """The webhooks of the recipient of each of *runs* (rows of `runs.load`) that want what its workflow says."""
    named = ((row["id"], row["tenant_id"], row["recipient_id"], workflows[row["id"]]) for row in runs)
    found = await connection.fetch(_SQL["of_runs"], *zip(*named, strict=True))
    return {row["run_id"]: row["webhooks"] for row in found}


async def of_messages(connection: Connection, messages: Mapping[UUID, Which]) -> dict[UUID, Row]:
    """The webhook that each message names, with its recipient's addresses; none that is gone or disabled."""
    if not messages:
        return {}
    columns = zip(*((message, *which) for message, which in messages.items()), strict=True)
    return {row["message_id"]: row for row in await connection.fetch(_SQL["of_messages"], *columns)}


async def lock(connection: Connection, some: Sequence[Which]) -> Sequence[Row]:
    """Lock those of *some* that are not disabled, to note something of them: how it goes with them, and ``now``."""
    return await connection.fetch(_SQL["lock"], *zip(*some, strict=True))


async def note(connection: Connection, news: Mapping[Which, Health]) -> None:
    """How it goes with webhooks that are locked."""
    rows = ((*which, h.failing_since, h.error, h.paused_until, h.disabled) for which, h in news.items())
    await connection.execute(_SQL["note"], *zip(*rows, strict=True))


async def sealed(connection: Connection) -> Sequence[Row]:
    """All secrets that are kept, of all tenants."""
    return await connection.fetch(_SQL["sealed"])


async def reseal(connection: Connection, which: Which, was: bytes, secret: bytes, old_secret: bytes | None) -> None:
    """Keep the same secrets, sealed anew, if they are still those of before."""
    await connection.execute(_SQL["reseal"], *which, was, secret, old_secret)
