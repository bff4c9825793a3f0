"""Quarantine over HTTP: messages of brokers that could not be used."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from clarion import ids
from clarion.api.given_ids import parse_each
from clarion.api.operation import Answer, Call, Operation, page, position
from clarion.api.schema.sources import (
    MAX_REDRIVEN,
    QuarantinedReply,
    QuarantineQuestion,
    QuarantineReply,
    RedrivenManyReply,
    RedrivenReply,
    RedriveQuarantined,
)
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.errors import NotFound
from clarion.flows.act import Act
from clarion.flows.redrive import Redrive
from clarion.ids import Prefix
from clarion.store import quarantine


async def list_all(services: Services, call: Call[QuarantineQuestion]) -> Answer:
    """A page of them, newest first."""
    asked = call.input
    before = position(services, call, asked.after)
    async with services.connection() as connection:
        rows = await quarantine.list_(
            connection,
            call.tenant_id,
            before=UUID(hex=before) if before is not None else None,
            limit=asked.limit + 1,
            source=asked.source,
            waiting=asked.state == "waiting",
        )
    items: list[object] = [_summary(row) for row in rows[: asked.limit]]
    return page(services, call, items, rows[asked.limit - 1]["id"].hex if len(rows) > asked.limit else None)


async def get(services: Services, call: Call[None]) -> Answer:
    """The message, whole."""
    async with services.connection() as connection:
        row = await quarantine.get(connection, call.tenant_id, _parse(call.path["id"]))
    if row is None:
        raise NotFound(f"there is nothing called {call.path['id']} in quarantine")
    body = bytes(row["body"])
    content = {
        **_summary(row),
        "headers": row["headers"],
        "body_base64": base64.b64encode(body).decode(),
        "body_text": body.decode("utf-8", "replace"),
        "triggers": _triggers(row["triggers"] or ()),
    }
    return Answer(content=content)


async def redrive(services: Services, call: Call[None]) -> Answer:
    """Give the message another chance."""
    async with services.connection() as connection:
        done = await _redrive(services, call)(connection, _parse(call.path["id"]))
    return Answer(
        content={"redriven": done.reason is None, "triggers": _triggers(done.triggers), "reason": done.reason}
    )


async def redrive_many(services: Services, call: Call[RedriveQuarantined]) -> Answer:
    """Give several another chance, or those that wait longest."""
    chosen = None if call.input.ids is None else parse_each(call.input.ids, _parse)
    async with services.connection() as connection:
        if chosen is None:
            chosen = await quarantine.waiting(connection, call.tenant_id, MAX_REDRIVEN)
        acted, stay = await _redrive(services, call).many(connection, chosen)
    return Answer(content={"redriven": acted, "still": stay})


def _redrive(services: Services, call: Call[Any]) -> Redrive:
    return Redrive(Act(services.definitions, services.allowed), call.tenant_id, wake=services.wake)


def _summary(row: Any) -> dict[str, object]:
    id = ids.show(Prefix.QUARANTINE, row["id"])
    names = ("source", "message_id", "subject", "reason", "size", "at", "redriven_at")
    return {"id": id, "href": f"/v1/quarantine/{id}", **{name: row[name] for name in names}}


def _triggers(found: Any) -> list[str]:
    return [ids.show(Prefix.TRIGGER, id) for id in found]


def _parse(text: str) -> UUID:
    return ids.parse(Prefix.QUARANTINE, text)


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listQuarantine",
        method="GET",
        path="/v1/quarantine",
        summary="List messages of brokers that could not be used, newest first",
        scope=Scope.SOURCES_READ,
        run=list_all,
        input=QuarantineQuestion,
        answers={200: QuarantineReply},
    ),
    Operation(
        id="getQuarantined",
        method="GET",
        path="/v1/quarantine/{id}",
        summary="Show such a message with its bytes",
        scope=Scope.SOURCES_READ,
        run=get,
        answers={200: QuarantinedReply},
    ),
    Operation(
        id="redriveQuarantined",
        method="POST",
        path="/v1/quarantine/{id}/redrive",
        summary="Give such a message another chance",
        scope=Scope.SOURCES_WRITE,
        run=redrive,
        answers={200: RedrivenReply},
    ),
    Operation(
        id="redriveQuarantine",
        method="POST",
        path="/v1/quarantine/redrive",
        summary="Give many such messages another chance",
        scope=Scope.SOURCES_WRITE,
        run=redrive_many,
        input=RedriveQuarantined,
        answers={200: RedrivenManyReply},
    ),
)
