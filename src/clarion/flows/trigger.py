"""Accepting a trigger: the row and its first job in one transaction, before the answer."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import structlog

from clarion import clock, ids
from clarion.domain.attachment import Reference, Rules
from clarion.domain.recipient import Recipient
from clarion.domain.suggest import nearest
from clarion.domain.workflow import Priority, Workflow
from clarion.errors import Conflict, Fault, Invalid, NotFound, Unavailable
from clarion.flows.attaching import attach
from clarion.flows.definitions import Definitions
from clarion.flows.expand import KIND, QUEUE
from clarion.queue.job import lane_of
from clarion.store import recipients, triggers, workflows
from clarion.store.database import Connection

log = structlog.get_logger()

#: How often names are looked up when what was found is gone again a moment later.
_LOOKS = 3
_RULES = Rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an application says has happened, and to whom; each value checked by itself."""

    workflow: str
    #: Known recipients, by id, with the place of each in the request for errors.
    recipient_ids: Mapping[str, str] = field(default_factory=dict)
    #: People described in the request: stored first.
    inline: Sequence[Recipient] = ()
    #: Topics by key, with the place of each.
    topics: Mapping[str, str] = field(default_factory=dict)
    payload: Mapping[str, object] = field(default_factory=dict)
    metadata: Mapping[str, object] = field(default_factory=dict)
    channels: Sequence[str] | None = None
    transaction_id: str | None = None
    priority: Priority | None = None
    send_at: datetime | None = None
    expires_at: datetime | None = None
    traceparent: str | None = None
    idempotency_key: str | None = None
    #: Of the request as a whole; two with one key must have the same.
    hash: bytes | None = None
    #: Files that go with its mails, each checked by itself.
    attachments: Sequence[Reference] = ()
    #: Whether all of it happens, and nothing leaves.
    sandbox: bool = False
    #: What the trigger is to be called; None is a new id.
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer, on disk."""

    id: UUID
    status: str
    #: Whether an earlier request with the same key was answered, and this one did nothing.
    replayed: bool = False


async def trigger(
    connection: Connection,
    tenant_id: UUID,
    request: Request,
    *,
    definitions: Definitions,
    wake: Callable[[str], None],
    rules: Rules = _RULES,
) -> Accepted:
    """Store *request* and its job. When this has returned, it will be delivered or say why not.

    Raises `NotFound` for a workflow that is not published; `Invalid` with all faults for recipients, topics, channels
    and files that nobody knows, and for files that are too large together by *rules*; `Conflict` for an idempotency key
    in use with another request (``idempotency_mismatch``) or by one in flight (``idempotency_in_flight``).
    """
    # One statement writes the trigger and its job; a transaction is only needed around more than that. Of what has been
    # merged when the request turns out to be wrong, nothing stays.
    alone = request.idempotency_key is None and not request.inline and not request.attachments
    async with nullcontext() if alone else connection.transaction():
        if request.idempotency_key is not None:
            earlier = await _earlier(connection, tenant_id, request.idempotency_key, request.hash)
            if earlier is not None:
                return earlier
        if request.attachments:  # before the people, as whoever locks both does
            request = await attach(connection, tenant_id, request, rules)
        if request.inline:
            await recipients.merge_many(connection, tenant_id, request.inline)
        guess = definitions.latest(tenant_id, request.workflow)
        id = None if guess is None else await _guessed(connection, tenant_id, request, guess, definitions)
        if id is None:
            id = await _looked_up(connection, tenant_id, request, definitions)
    log.info("trigger.accepted", trigger=ids.show(ids.Prefix.TRIGGER, id), workflow=request.workflow)
    wake(QUEUE)
    return Accepted(id, "accepted")


async def _guessed(
    connection: Connection, tenant_id: UUID, request: Request, version_id: UUID, definitions: Definitions
) -> UUID | None:
    """Store it, if all it names is there and *version_id* is current still; None when something is not as guessed."""
    workflow = await definitions.get(connection, version_id)
    if channel_faults(request, workflow):
        return None
    try:
        return await _store(connection, new_trigger(tenant_id, request, workflow, version_id))
    except Invalid:  # by what may be an old version
        return None


async def _looked_up(connection: Connection, tenant_id: UUID, request: Request, definitions: Definitions) -> UUID:
    """Find out what there is, say what is not, and store it."""
    for _ in range(_LOOKS):
        names = await triggers.names(
            connection, tenant_id, request.workflow, list(request.recipient_ids), list(request.topics)
        )
        if names.version_id is None:
            raise no_workflow(request.workflow, await workflows.list_(connection, tenant_id))
        workflow = await definitions.get(connection, names.version_id)
        definitions.found(tenant_id, request.workflow, names.version_id)
        check_names(request, workflow, unknown=names.unknown, topics=names.topics)
        id = await _store(connection, new_trigger(tenant_id, request, workflow, names.version_id))
        if id is not None:
            return id
    raise Unavailable("what this request names was changed just now, again and again: send it once more")


async def _store(connection: Connection, new: triggers.NewTrigger) -> UUID | None:
    stored = await triggers.accept(connection, new, queue=QUEUE, kind=KIND, lane=lane_of(new.tenant_id))
    return new.id if stored else None


async def _earlier(connection: Connection, tenant_id: UUID, key: str, hash: bytes | None) -> Accepted | None:
    """The answer that was given under *key* before, if it was; from here on nobody else uses the key."""
    if not await triggers.lock_idempotency_key(connection, tenant_id, key):
        raise Conflict("A request with this Idempotency-Key is being answered just now.", code="idempotency_in_flight")
    row = await triggers.by_idempotency_key(connection, tenant_id, key)
    if row is None:
        return None
    if row["request_hash"] != hash:
        raise Conflict("This Idempotency-Key was used with another request.", code="idempotency_mismatch")
    return Accepted(row["id"], "accepted", replayed=True)


def no_workflow(key: str, known: Sequence[Mapping[str, object]] = ()) -> NotFound:
    """The error for a workflow that is not published; *known* are rows of those that are."""
    near = nearest(key, [str(row["key"]) for row in known])
    hint = f"did you mean `{near}`? Else publish" if near else "publish"
    return NotFound(f"There is no workflow {key!r}: {hint} it with `clarion apply`.")


def check_names(request: Request, workflow: Workflow, *, unknown: Iterable[str], topics: Container[str]) -> None:
    """Raise `Invalid` with every name that nobody knows: recipients that are *unknown*, topics not in *topics*."""
    faults = channel_faults(request, workflow)
    for id in unknown:
        faults.append(Fault(request.recipient_ids[id], f"there is no recipient {id!r}", "unknown_recipient"))
    for key, pointer in request.topics.items():
        if key not in topics:
            faults.append(Fault(pointer, f"there is no topic {key!r}", "unknown_topic"))
    if faults:
        raise Invalid("The request names what does not exist.", code=faults[0].code, faults=faults)


def channel_faults(request: Request, workflow: Workflow) -> list[Fault]:
    """A fault for each channel that *workflow* does not have."""
    if not request.channels:
        return []
    has = {step.channel.value for step in workflow.channel_steps}
    return [
        Fault(f"/channels/{i}", f"workflow {workflow.key!r} has no step on channel {channel!r}", "unknown_channel")
        for i, channel in enumerate(request.channels)
        if channel not in has
    ]


def new_trigger(
    tenant_id: UUID, request: Request, workflow: Workflow, version_id: UUID, *, id: UUID | None = None
) -> triggers.NewTrigger:
    """The row of *request*, with *id* or a new one; raises `Invalid` when it could not be delivered in time."""
    now = clock.now()
    begins = max(request.send_at or now, now)
    expires_at = request.expires_at or begins + workflow.expires_after
    if expires_at <= begins:
        fault = Fault("/expires_at", "it lies before the messages would be sent", "out_of_range")
        raise Invalid("The request cannot be delivered in time.", code="out_of_range", faults=[fault])
    ids_given = sorted({*request.recipient_ids, *(recipient.id for recipient in request.inline)})
    return triggers.NewTrigger(
        id=id or request.id or ids.new(),
        tenant_id=tenant_id,
        workflow_key=workflow.key,
        workflow_version_id=version_id,
        priority=workflow.priority if request.priority is None else request.priority,
        recipient_ids=ids_given,
        topic_keys=sorted(request.topics),
        channels=sorted(set(request.channels)) if request.channels is not None else None,
        payload=request.payload,
        metadata=request.metadata,
        transaction_id=request.transaction_id,
        idempotency_key=request.idempotency_key,
        request_hash=request.hash,
        traceparent=request.traceparent,
        send_at=request.send_at,
        expires_at=expires_at,
        expires_given=request.expires_at is not None,
        attachments=[one.to_json() for one in request.attachments],
        sandbox=request.sandbox,
    )
