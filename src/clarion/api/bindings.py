"""Bindings over HTTP: to look at; they are published with the project folder."""

from __future__ import annotations

from typing import Any

from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.bindings import BindingsReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.store import bindings


async def list_all(services: Services, call: Call[None]) -> Answer:
    """All bindings of the tenant."""
    async with services.connection() as connection:
        rows = await bindings.list_(connection, call.tenant_id)
    items = [
        {
            "key": row["key"],
            "version": row["version"],
            "on": row["definition"]["on"],
            "when": row["definition"].get("when"),
            "do": row["definition"]["do"],
            "updated_at": row["updated_at"],
        }
        for row in rows
    ]
    return Answer(content={"items": items})


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listBindings",
        method="GET",
        path="/v1/bindings",
        summary="List what is done when something happens",
        scope=Scope.SOURCES_READ,
        run=list_all,
        answers={200: BindingsReply},
    ),
)
