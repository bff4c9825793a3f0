"""What a workflow would send one recipient, rendered on every channel: nothing is stored, and nothing leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from clarion import clock, ids
from clarion.domain.expression import Scope
from clarion.domain.recipient import Recipient
from clarion.domain.suppression import is_offered
from clarion.domain.workflow import Channel
from clarion.errors import NotFound
from clarion.flows.contexts import Context
from clarion.flows.preview_held import Room, rooms, waits
from clarion.flows.preview_reach import Place, Stop, Ways, stops
from clarion.flows.preview_words import Looking, Shown, render
from clarion.flows.published import Published, Version
from clarion.flows.trigger import no_workflow
from clarion.flows.variables import trigger_variables
from clarion.store import chats, contacts, devices, recipients, webhooks, workflows
from clarion.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be looked at: as a trigger would say it."""

    workflow: str
    recipient: Recipient
    #: Whether they are only named, and must be there.
    must_exist: bool
    payload: Mapping[str, object]
    metadata: Mapping[str, object]
    channels: Collection[str] | None = None
    #: Whether whoever asks may see what is stored of people, and of addresses that are suppressed.
    knows_people: bool = True
    knows_suppressions: bool = True
    #: The same of queues and limits.
    knows_limits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """A version of a workflow as one recipient would get it."""

    version: int
    steps: list[Shown]


async def preview(
    connection: Connection,
    tenant_id: UUID,
    asked: Asked,
    *,
    published: Published,
    public_url: str = "",
    critical: Collection[str] = (),
    ways: Ways | None = None,
) -> Preview:
    """Look at the current version, for messages that leave by *ways*, as things stand: a cap that is full now may have
    room when the message is made.

    Raises `NotFound` where there is no such workflow, or no such recipient.
    """
    row = await workflows.current(connection, tenant_id, asked.workflow)
    if row is None:
        raise no_workflow(asked.workflow, await workflows.list_(connection, tenant_id))
    version = (await published.get(connection, [row["id"]]))[row["id"]]
    recipient = await _recipient(connection, tenant_id, asked)
    recipient, places = await _reached(connection, tenant_id, recipient, version, asked)
    ways = ways or Ways()
    verified = ways.verified is not None and ways.verified.asks(version.workflow)
    if verified and asked.knows_people:
        recipient = await _verified(connection, tenant_id, recipient)
    trigger = _trigger(tenant_id, asked)
    context = Context(trigger, version)
    stopped: Mapping[Channel, Stop] = {}
    if asked.knows_suppressions:
        others = asked.knows_people
        stopped = await stops(connection, tenant_id, recipient, context, critical, others=others)
    left: Sequence[Room] = ()
    if ways.caps is not None and asked.knows_people:
        left = await rooms(connection, tenant_id, recipient.id, ways.caps.of(version.workflow), clock.now())
    waiting = {}
    if asked.knows_limits:
        waiting = await waits(connection, tenant_id, version.workflow, recipient, ways)
    url = f"{public_url}/u/preview" if public_url and is_offered(version.workflow, critical) else None
    scope = Scope(payload=asked.payload, trigger=trigger_variables(trigger)) if version.has_expressions else None
    looking = Looking(
        recipient, context, scope, places, stopped, ways, url, left, waiting, verified, asked.knows_people
    )
    steps = await asyncio.to_thread(render, looking, asked.channels)
    return Preview(version=row["version"], steps=steps)


async def _recipient(connection: Connection, tenant_id: UUID, asked: Asked) -> Recipient:
    """Whoever is asked about, as they are stored, with what was said of them on the spot."""
    known = asked.knows_people or asked.must_exist
    stored = await recipients.get(connection, tenant_id, asked.recipient.id) if known else None
    if stored is not None:
        return stored.recipient.overlaid(asked.recipient)
    if asked.must_exist:
        raise NotFound(f"there is no recipient {asked.recipient.id}")
    return asked.recipient


async def _reached(
    connection: Connection, tenant_id: UUID, recipient: Recipient, version: Version, asked: Asked
) -> tuple[Recipient, Mapping[Channel, Sequence[Place]]]:
    """*recipient* with the devices, chats and webhooks that the version goes to, and whose the first two are."""
    if not asked.knows_people:
        return recipient, {}
    who, workflow = (connection, tenant_id, recipient.id), asked.workflow
    found = await devices.list_(*who) if version.pushes else None
    rooms = await chats.list_(*who) if version.chats else None
    hooks = await webhooks.list_(*who) if version.hooks else None
    places = {
        Channel.PUSH: [Place(one.id, one.provider) for one in found or () if one.disabled_at is None],
        Channel.CHAT: [Place(one.id, one.provider, one.account) for one in rooms or () if one.disabled_at is None],
    }
    reached = replace(
        recipient,
        devices=tuple(one.id for one in places[Channel.PUSH]),
        chats=tuple(one.id for one in places[Channel.CHAT]),
        webhooks=tuple(
            ids.show(ids.Prefix.WEBHOOK, one["id"])
            for one in hooks or ()
            if one["disabled_at"] is None and workflow in (one["workflows"] or [workflow])
        ),
    )
    return reached, places


async def _verified(connection: Connection, tenant_id: UUID, recipient: Recipient) -> Recipient:
    """*recipient*, reached at addresses that are known to be theirs, and at no others."""
    (found,) = await contacts.verified(connection, [(tenant_id, recipient.id)])
    return replace(recipient, email=found.get(Channel.EMAIL.value), phone=found.get(Channel.SMS.value))


def _trigger(tenant_id: UUID, asked: Asked) -> Mapping[str, Any]:
    """As `triggers.load` would have it."""
    return {
        **{"id": ids.new(), "tenant_id": tenant_id, "workflow_key": asked.workflow, "created_at": clock.now()},
        **{"payload": asked.payload, "metadata": asked.metadata, "transaction_id": None, "attachments": []},
        "sandbox": True,
    }
