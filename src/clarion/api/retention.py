"""Retention over HTTP: what the system's schedule does every few minutes, now. It reaches over all tenants."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from clarion.api.idempotency import Once
from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.retention import Retention, RetentionReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.flows import retention
from clarion.flows.retention import What

#: How long one request may take; whoever asks asks again.
_BUDGET = timedelta(seconds=10)


async def run(services: Services, call: Call[Retention]) -> Answer:
    """Remove what is old enough, or say what would go."""
    asked = call.input
    only = tuple(What) if asked.what is None else tuple(What(name) for name in asked.what)
    ages = dict(services.ages)
    if asked.older_than_s is not None:
        ages |= dict.fromkeys(only, timedelta(seconds=asked.older_than_s))
    async with services.connection() as connection:
        if asked.dry_run:
            done = await retention.preview(connection, ages, only=only)
        else:
            done = await retention.prune(connection, ages, only=only, budget=_BUDGET)
    removed = {what.value: asdict(one) for what, one in done.removed.items()}
    return Answer(content={"dry_run": asked.dry_run, "more": done.more, "removed": removed})


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="runRetention",
        method="POST",
        path="/v1/retention/run",
        summary="Remove what has been kept long enough, of all tenants",
        scope=Scope.SYSTEM_WRITE,
        run=run,
        input=Retention,
        answers={200: RetentionReply},
        once=Once.CLAIMED,
    ),
)
