"""Messages over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from clarion import ids
from clarion.api.given_ids import asked_trigger
from clarion.api.operation import Answer, Call, Operation, page, position
from clarion.api.schema.messages import MessageReply, MessagesQuestion, MessagesReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.domain.status import Status
from clarion.errors import NotFound
from clarion.flows import retry
from clarion.ids import Prefix
from clarion.queue import lookup
from clarion.store import engagement, messages

_COPIED = (
    "channel",
    "status",
    "reason",
    "address",
    "attempts",
    "possible_duplicate",
    "provider",
    "provider_message_id",
    "expires_at",
    "sent_at",
    "ended_at",
    "seen_at",
    "read_at",
    "opened_at",
    "clicked_at",
    "archived_at",
)

_Row = Mapping[str, Any]


async def list_all(services: Services, call: Call[MessagesQuestion]) -> Answer:
    """A page, newest first."""
    asked = call.input
    after = position(services, call, asked.after)
    async with services.connection() as connection:
        rows = await messages.list_(
            connection,
            call.tenant_id,
            before=UUID(after) if after else None,
            limit=asked.limit + 1,
            trigger_id=asked_trigger(asked.trigger),
            recipient_id=asked.recipient,
            workflow_key=asked.workflow,
            channel=asked.channel,
            status=asked.status,
        )
    more = rows[asked.limit - 1]["id"].hex if len(rows) > asked.limit else None
    return page(services, call, [_summary(row) for row in rows[: asked.limit]], more)


async def get(services: Services, call: Call[None]) -> Answer:
    """The message and its timeline."""
    return Answer(content=await _load(services, call))


async def retry_one(services: Services, call: Call[None]) -> Answer:
    """Queue it again."""
    async with services.connection() as connection:
        id, critical = _id(call), services.critical
        await retry.retry(connection, call.tenant_id, id, wake=services.wake, critical=critical)
    return Answer(content=await _load(services, call), status=202)


async def _load(services: Services, call: Call[Any]) -> dict[str, object]:
    id = _id(call)
    async with services.connection() as connection:
        row = await messages.get(connection, call.tenant_id, id)
        if row is None:
            raise NotFound(f"there is no message {call.path['id']}")
        attempts = await messages.attempts(connection, call.tenant_id, id)
        events = await messages.events(connection, call.tenant_id, id)
        done = await engagement.of_message(connection, call.tenant_id, id)
        job = await lookup.get(connection, call.tenant_id, id) if row["status"] == Status.QUEUED else None
    due = {"next_attempt_at": job.run_at if job is not None else None}
    return {
        **_summary(row),
        **due,
        "engagement": [dict(one) for one in done],
        "timeline": _timeline(row, attempts, events),
    }


def _summary(row: _Row) -> dict[str, object]:
    id = ids.show(Prefix.MESSAGE, row["id"])
    return {
        "id": id,
        "href": f"/v1/messages/{id}",
        "trigger": ids.show(Prefix.TRIGGER, row["trigger_id"]),
        "workflow": row["workflow_key"],
        "recipient": row["recipient_id"],
        "created_at": ids.made_at(row["id"]),
        **{name: row[name] for name in _COPIED},
    }


def _timeline(row: _Row, attempts: Sequence[_Row], events: Sequence[_Row]) -> list[dict[str, object]]:
    """All that happened, in the order in which it did; what came first is first where two times are the same.

    The creation is first whatever the times say: its id was made by the clock of a process, the rest by the database's.
    """
    created = _entry(ids.made_at(row["id"]), "created", detail=f"by workflow {row['workflow_key']}")
    entries: list[dict[str, object]] = []
    if row["status"] == Status.SKIPPED:
        entries.append(_entry(row["ended_at"], "skipped", detail=row["reason"]))
    if row["sent_at"] is not None and not attempts:  # a feed's row: nobody else was asked
        entries.append(_entry(row["sent_at"], "delivered", detail="it is in the feed"))
    entries += [_entry(event["at"], event["kind"], detail=event["detail"]) for event in events]
    for attempt in attempts:
        fields = {name: attempt[name] for name in ("number", "status", "provider", "provider_message_id", "ended_at")}
        entries.append(_entry(attempt["intended_at"], "attempt", detail=attempt["reason"], **fields))
    return [created, *sorted(entries, key=lambda entry: _moment(entry, attempts))]


def _moment(entry: Mapping[str, object], attempts: Sequence[_Row]) -> tuple[datetime, int]:
    """When it happened. Why an attempt went where it went is written down while it lasts, and was decided before it."""
    at = entry["at"]
    assert isinstance(at, datetime)
    if entry["kind"] == "routed":
        begun = [one["intended_at"] for one in attempts if one["intended_at"] <= at <= (one["ended_at"] or at)]
        return max(begun, default=at), 0
    return at, 1


def _entry(at: object, kind: str, **fields: object) -> dict[str, object]:
    empty = dict.fromkeys(("detail", "number", "status", "provider", "provider_message_id", "ended_at"))
    return {"at": at, "kind": kind, **empty, **fields}


def _id(call: Call[Any]) -> UUID:
    return ids.parse(Prefix.MESSAGE, call.path["id"])


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listMessages",
        method="GET",
        path="/v1/messages",
        summary="List messages, newest first",
        scope=Scope.MESSAGES_READ,
        run=list_all,
        input=MessagesQuestion,
        answers={200: MessagesReply},
    ),
    Operation(
        id="getMessage",
        method="GET",
        path="/v1/messages/{id}",
        summary="Show a message and all that happened to it",
        scope=Scope.MESSAGES_READ,
        run=get,
        answers={200: MessageReply},
    ),
    Operation(
        id="retryMessage",
        method="POST",
        path="/v1/messages/{id}/retry",
        summary="Try a failed, expired or unknown message again",
        scope=Scope.MESSAGES_WRITE,
        run=retry_one,
        answers={202: MessageReply},
    ),
)
