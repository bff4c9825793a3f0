"""Delivering to webhooks: where each is, what it is told, and what follows from how it goes there."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import structlog

from clarion import ids
from clarion.channels.base import Webhook
from clarion.domain.outcome import Outcome, Retry
from clarion.domain.recipient import Recipient
from clarion.domain.webhook import Landed
from clarion.domain.webhook_body import MOST_BYTES
from clarion.errors import BadId, Invalid
from clarion.flows.batch import Batch
from clarion.flows.compose import Compose, NotNow, OutOfReach, Rows
from clarion.flows.contexts import Context
from clarion.flows.deliver import Deliver
from clarion.flows.endings import PASSING
from clarion.flows.webhooks import Webhooks, heed
from clarion.http.url_guard import parse_url
from clarion.queue.job import Job
from clarion.store import webhooks
from clarion.store.database import Connection
from clarion.store.webhooks import Which

log = structlog.get_logger()

#: Who has answered by then does not wait for who has not.
_SOON_S = 1.0


class DeliverWebhooks(Deliver[Webhook]):
    """The handler of `deliver` jobs of the channel `webhook`."""

    def __init__(self, *args: Any, patience: timedelta, **given: Any) -> None:
        """*patience*: one that fails for so long is disabled. The rest is what `Deliver` takes."""
        super().__init__(*args, **given)
        self._patience = patience

    async def _deliver(
        self, jobs: Mapping[UUID, Job], batch: Batch[Webhook], numbers: Mapping[UUID, int], deadline: float, slot: int
    ) -> None:
        """What has its answer soon is recorded then: of a hundred servers one always hangs."""
        async with asyncio.TaskGroup() as group:
            sending = {id: group.create_task(self._send([batch.items[id]], deadline)) for id in numbers}
            await asyncio.wait(sending.values(), timeout=_SOON_S)
            soon = {id for id, task in sending.items() if task.done()}
            for some in (soon, sending.keys() - soon):
                if some:
                    outcomes = {id: (await sending[id])[0] for id in sending if id in some}
                    await self._record(jobs, batch, numbers, outcomes, slot)

    async def _heed(self, batch: Batch[Webhook], outcomes: Mapping[UUID, Outcome]) -> None:
        """What one webhook asks for is nothing to the others: each keeps its own pauses."""
        by_place: dict[Which, list[Outcome]] = defaultdict(list)
        troubled = set()
        for id, outcome in outcomes.items():
            row = batch.rows[id]
            which = row["which"]
            if isinstance(outcome, Retry) and outcome.blameless:  # it was not asked
                continue
            by_place[which].append(outcome)
            if row["failing"] or row["pause"] is not None:
                troubled.add(which)
        landed = {which: Landed(some, which in troubled) for which, some in by_place.items()}
        if not any(one.matters for one in landed.values()):
            return
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await heed(connection, landed, patience=self._patience, hearing=self._hearing)
        except PASSING as error:  # the next list tells it again
            log.warning("webhook.not_noted", error=str(error), webhooks=len(landed))
        if self._hearing is not None:
            self._hearing.ring()


async def reach_webhooks(connection: Connection, rows: Rows) -> Rows:
    """*rows* with the webhook that each names, as it is now: where, its secrets, how it goes there; or no `url`."""
    named = {id: which for id, row in rows.items() if (which := _which(row)) is not None}
    found = await webhooks.of_messages(connection, named)
    gone = {"url": None, "failing": False, "pause": None}
    return {id: {**row, **found.get(id, gone), "which": named.get(id)} for id, row in rows.items()}


def compose_webhook(keeper: Webhooks) -> Compose[Webhook]:
    """What is posted for a message; *keeper* reads the secrets."""

    def compose(row: Mapping[str, Any], context: Context) -> Webhook:
        if row["url"] is None:
            raise OutOfReach("its webhook is gone, or disabled")
        if row["pause"] is not None and row["pause"] > timedelta(0):
            raise NotNow("the webhook asked to be left alone for a while", after=row["pause"])
        secrets = keeper.secrets(row["which"], row["secret"], row["old_secret"])
        if not secrets:
            raise Invalid("its secret was sealed under a secret that is not there any more", code="secret_unreadable")
        return Webhook(
            place=row["which"],
            id=ids.show(ids.Prefix.MESSAGE, row["id"]),
            to=parse_url(row["url"]),
            secrets=secrets,
            body=_body(row, context),
        )

    return compose


def _body(row: Mapping[str, Any], context: Context) -> bytes:
    said = context.body(row, _recipient(row).variables())
    try:
        body = orjson.dumps(said)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise Invalid(f"its data cannot be written as JSON: {error}", code="invalid_data") from None
    if len(body) > MOST_BYTES:
        raise Invalid(f"{len(body):,} bytes, where {MOST_BYTES:,} are allowed", code="too_large")
    return body


def _recipient(row: Mapping[str, Any]) -> Recipient:
    names: Sequence[str] = ("name", "locale", "timezone", "email", "phone", "data")
    return Recipient(id=row["recipient_id"], **{name: row[name] for name in names})


def _which(row: Mapping[str, Any]) -> Which | None:
    try:
        return Which(row["tenant_id"], row["recipient_id"], ids.parse(ids.Prefix.WEBHOOK, row["address"] or ""))
    except BadId:
        return None
