"""Messages of brokers and what takes them in, for tests: bindings of a few lines, on a real database."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from clarion.brokers.base import Delivery
from clarion.domain.action import Action, Trigger
from clarion.domain.event import Event
from clarion.domain.workflow import Channel, ChannelStep, Workflow
from clarion.errors import Invalid
from clarion.flows.act import Act
from clarion.flows.definitions import Definitions
from clarion.flows.ingest import Answer, Ingest
from clarion.flows.reading import Binding, Origin
from clarion.store import sources, tenants, workflows
from clarion.store.database import Pool

SOURCE = "memory:orders"


class Greets:
    """A binding that triggers `welcome` for the person whom a message names, or what else the message says."""

    def __init__(self, during: Callable[[Event], None] | None = None) -> None:
        """*during* is called with each event, before anything is said of it."""
        self._during = during

    def actions(self, event: Event, now: datetime) -> Sequence[Action]:
        if self._during is not None:
            self._during(event)
        data = event.data
        if not isinstance(data, dict) or "to" not in data:
            raise Invalid("there is no 'to' in the data", code="missing")
        people = data["to"] if isinstance(data["to"], list) else [data["to"]]
        workflow = str(data.get("workflow", "welcome"))
        return [
            Trigger(workflow=workflow, recipients=[{"id": person}], payload=data.get("payload", {}))
            for person in people
        ]


def message(number: int | str, data: object = None, *, redelivered: bool = False, raw: bytes | None = None) -> Delivery:
    """The message *number*, which greets somebody unless it says something else."""
    said = {"to": f"guest{number}"} if data is None else data
    body = json.dumps(said).encode() if raw is None else raw
    return Delivery(id=f"m-{number}", body=body, subject="order.created", redelivered=redelivered)


def messages(count: int, *, first: int = 0, redelivered: bool = False) -> list[Delivery]:
    return [message(number, redelivered=redelivered) for number in range(first, first + count)]


@dataclass(kw_only=True)
class Intake:
    """A tenant with the workflow `welcome`, and what takes messages in for it."""

    pool: Pool
    origin: Origin
    rung: list[str] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=lambda: [Greets()])

    @property
    def tenant_id(self) -> UUID:
        return self.origin.tenant_id

    def ingest(self, worker: str = "w1") -> Ingest:
        return Ingest(self.pool, Act(Definitions()), worker=worker, wake=self.rung.append)

    async def take(self, deliveries: Sequence[Delivery], *, worker: str = "w1") -> list[Answer]:
        return await self.ingest(worker)(self.origin, self.bindings, deliveries)

    async def count(self, table: str) -> int:
        number: int = await self.pool.fetchval(f"SELECT count(*) FROM {table}")
        return number

    async def triggers(self) -> list[str]:
        """Whom triggers name, sorted."""
        rows = await self.pool.fetch("SELECT unnest(recipient_ids) AS id FROM trigger ORDER BY 1")
        return [row["id"] for row in rows]

    async def reasons(self) -> dict[str, str]:
        """Why messages lie in quarantine."""
        rows = await self.pool.fetch("SELECT message_id, reason FROM quarantine WHERE redriven_at IS NULL")
        return {row["message_id"]: row["reason"] for row in rows}


async def make_intake(pool: Pool, **fields: Any) -> Intake:
    """An intake of a new tenant in the database of *pool*."""
    steps = (ChannelStep(key="email", channel=Channel.EMAIL, template="email"),)
    definition = Workflow(key="welcome", steps=steps).to_json()
    async with pool.acquire() as connection, connection.transaction():
        tenant = await tenants.ensure(connection, "one")
        await workflows.publish(connection, tenant, "welcome", hash="h", definition=definition, bundle={})
        number = await sources.number_of(connection, tenant, SOURCE)
    return Intake(pool=pool, origin=Origin(tenant_id=tenant, source=SOURCE, number=number), **fields)
