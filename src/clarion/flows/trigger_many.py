"""Accepting many triggers in the caller's transaction, in a handful of statements however many they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from clarion import ids
from clarion.domain.attachment import Rules
from clarion.domain.identifier import check_identifier
from clarion.domain.recipient import Recipient
from clarion.errors import ClarionError, Invalid
from clarion.flows import attaching
from clarion.flows.definitions import Definitions
from clarion.flows.expand import KIND, QUEUE
from clarion.flows.trigger import Request, check_names, new_trigger, no_workflow
from clarion.queue import add
from clarion.queue.add import Alike
from clarion.store import attachments, many_triggers, recipients, triggers
from clarion.store.attachments import Name, Row
from clarion.store.database import Connection

Accepted = UUID | ClarionError

_RULES = Rules()


@dataclass(slots=True)
class _Batch:
    """What is known while the requests are judged, one after the other."""

    names: many_triggers.Names
    #: Files that the requests name, and which of them the accepted ones do.
    files: Mapping[Name, Row]
    rules: Rules
    triggers: list[tuple[triggers.NewTrigger, int]] = field(default_factory=list)
    uses: list[tuple[Name, UUID]] = field(default_factory=list)
    #: People described by the requests that were accepted so far, by tenant and id.
    people: dict[UUID, dict[str, Recipient]] = field(default_factory=lambda: defaultdict(dict))


async def trigger_many(
    connection: Connection,
    asked: Sequence[tuple[UUID, Request]],
    *,
    definitions: Definitions,
    rules: Rules = _RULES,
) -> list[Accepted]:
    """Store the requests of several tenants as if one came after the other; the id of each, or why not, in their order.

    Their files are held against *rules*.

    Call it in a transaction, and ring for `expand.QUEUE` after its commit. Idempotency keys are not looked at.
    """
    if not asked:
        return []
    named = {name for tenant_id, request in asked for name in attaching.names(tenant_id, request.attachments)}
    files = await attachments.use(connection, named) if named else {}
    batch = _Batch(await _look_up(connection, asked), files, rules)
    accepted = [
        await _judge(connection, batch, id, tenant_id, request, definitions)
        for id, (tenant_id, request) in zip(ids.new_many(len(asked)), asked, strict=True)
    ]
    for tenant_id, people in sorted(batch.people.items()):  # in order, as everybody locks them
        await recipients.merge_many(connection, tenant_id, list(people.values()))
    await attachments.keep(connection, batch.uses)
    if batch.triggers:
        await many_triggers.accept(connection, batch.triggers)
        await add.add_alike(connection, queue=QUEUE, kind=KIND, jobs=[_job(new) for new, _ in batch.triggers])
    return accepted


async def _look_up(connection: Connection, asked: Sequence[tuple[UUID, Request]]) -> many_triggers.Names:
    workflows = {(tenant_id, request.workflow) for tenant_id, request in asked if _can_be_named(request.workflow)}
    people = {(tenant_id, id) for tenant_id, request in asked for id in request.recipient_ids}
    topics = {(tenant_id, key) for tenant_id, request in asked for key in request.topics}
    return await many_triggers.names(connection, workflows, people, topics)


async def _judge(
    connection: Connection, batch: _Batch, id: UUID, tenant_id: UUID, request: Request, definitions: Definitions
) -> Accepted:
    """*id* for the trigger that *request* becomes, now among those of *batch*; or why it does not become one."""
    names, described = batch.names, batch.people.get(tenant_id, {})
    version_id = names.versions.get((tenant_id, request.workflow))
    if version_id is None:
        return no_workflow(request.workflow)
    workflow = await definitions.get(connection, version_id)
    definitions.found(tenant_id, request.workflow, version_id)
    unknown = [one for one in request.recipient_ids if (tenant_id, one) in names.unknown and one not in described]
    topics = {key for key in request.topics if (tenant_id, key) in names.members}
    try:
        check_names(request, workflow, unknown=unknown, topics=topics)
        if request.attachments:
            files = attaching.known(tenant_id, request.attachments, batch.files, batch.rules)
            request = replace(request, attachments=files)
        new = new_trigger(tenant_id, request, workflow, version_id, id=id)
    except Invalid as error:
        return error
    batch.uses += attaching.uses(tenant_id, request.attachments, id)
    for person in request.inline:
        earlier = described.get(person.id)
        batch.people[tenant_id][person.id] = person if earlier is None else earlier.overlaid(person)
    batch.triggers.append((new, sum(names.members[tenant_id, key] for key in topics)))
    return new.id


def _job(new: triggers.NewTrigger) -> Alike:
    return Alike(id=new.id, tenant_id=new.tenant_id, priority=new.priority, run_at=new.send_at)


def _can_be_named(key: str) -> bool:
    """Whether a workflow could have this key: text that PostgreSQL cannot even be asked for has none."""
    try:
        return bool(check_identifier(key))
    except Invalid:
        return False
