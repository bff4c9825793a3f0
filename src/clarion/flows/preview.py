"""What a workflow would send one recipient, rendered on every channel: nothing is stored, and nothing leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from clarion import clock, ids
from clarion.domain.content import Content
from clarion.domain.duration import show_duration
from clarion.domain.expression import Scope
from clarion.domain.plan import Planned, plan
from clarion.domain.recipient import Recipient
from clarion.domain.step import ChannelStep, DelayStep
from clarion.domain.suppression import is_offered
from clarion.domain.workflow import Channel
from clarion.errors import Invalid, NotFound
from clarion.flows.contexts import Context
from clarion.flows.published import Published, Version
from clarion.flows.trigger import no_workflow
from clarion.flows.variables import trigger_variables
from clarion.store import chats, devices, recipients, webhooks, workflows
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One step, and what it comes to."""

    step: str
    #: None for a delay.
    channel: Channel | None
    #: Where the messages go: addresses, or ids of devices, chats and webhooks.
    to: tuple[str, ...] = ()
    #: Why nothing is sent here, though the words may be fine.
    skipped: str | None = None
    #: Why there are no words.
    failed: str | None = None
    #: What is said; of a webhook its body.
    content: Content | Mapping[str, object] | None = None
    #: Of a delay: how long it would be, or until when.
    waits: str | None = None


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
) -> Preview:
    """Look at the current version. What depends on what was sent before (suppressions, caps, limits) is not looked at.

    Raises `NotFound` where there is no such workflow, or no such recipient.
    """
    row = await workflows.current(connection, tenant_id, asked.workflow)
    if row is None:
        raise no_workflow(asked.workflow, await workflows.list_(connection, tenant_id))
    version = (await published.get(connection, [row["id"]]))[row["id"]]
    recipient = await _recipient(connection, tenant_id, asked)
    recipient = await _reached(connection, tenant_id, recipient, version, asked.workflow)
    url = f"{public_url}/u/preview" if public_url and is_offered(version.workflow, critical) else None
    steps = await asyncio.to_thread(_render, version, tenant_id, asked, recipient, url)
    return Preview(version=row["version"], steps=steps)


async def _recipient(connection: Connection, tenant_id: UUID, asked: Asked) -> Recipient:
    """Whoever is asked about, as they are stored, with what was said of them on the spot."""
    stored = await recipients.get(connection, tenant_id, asked.recipient.id)
    if stored is not None:
        return stored.recipient.overlaid(asked.recipient)
    if asked.must_exist:
        raise NotFound(f"there is no recipient {asked.recipient.id}")
    return asked.recipient


async def _reached(
    connection: Connection, tenant_id: UUID, recipient: Recipient, version: Version, workflow: str
) -> Recipient:
    """*recipient* with the devices, chats and webhooks that the version goes to."""
    who = (connection, tenant_id, recipient.id)
    found = await devices.list_(*who) if version.pushes else None
    rooms = await chats.list_(*who) if version.chats else None
    hooks = await webhooks.list_(*who) if version.hooks else None
    return replace(
        recipient,
        devices=tuple(one.id for one in found or () if one.disabled_at is None),
        chats=tuple(one.id for one in rooms or () if one.disabled_at is None),
        webhooks=tuple(
            ids.show(ids.Prefix.WEBHOOK, one["id"])
            for one in hooks or ()
            if one["disabled_at"] is None and workflow in (one["workflows"] or [workflow])
        ),
    )


def _render(
    version: Version, tenant_id: UUID, asked: Asked, recipient: Recipient, unsubscribe_url: str | None
) -> list[Shown]:
    now = clock.now()
    row = {
        **{"id": ids.new(), "tenant_id": tenant_id, "workflow_key": asked.workflow, "created_at": now},
        **{"payload": asked.payload, "metadata": asked.metadata, "transaction_id": None, "attachments": []},
        "sandbox": True,
    }
    context = Context(row, version)
    scope = Scope(payload=asked.payload, trigger=trigger_variables(row)) if version.has_expressions else None
    shown = []
    for number, ready in enumerate(version.steps):
        step = ready.step
        if isinstance(step, DelayStep):
            shown.append(
                Shown(step=step.key, channel=None, waits=step.until or show_duration(step.length or timedelta()))
            )
            continue
        assert isinstance(step, ChannelStep)
        if asked.channels is not None and step.channel.value not in asked.channels:
            continue
        planned = plan(version.steps[: number + 1], recipient, scope, now=now, start=number).messages
        url = unsubscribe_url if step.channel in (Channel.EMAIL, Channel.SMS) else None
        shown.append(_shown(context, number, step, recipient, planned, url))
    return shown


def _shown(
    context: Context,
    number: int,
    step: ChannelStep,
    recipient: Recipient,
    planned: list[Planned],
    url: str | None,
) -> Shown:
    message = {
        **{"id": ids.new(), "step": number, "recipient_id": recipient.id, "address": planned[0].address},
        **{name: getattr(recipient, name) for name in ("name", "locale", "timezone", "data")},
    }
    content: Content | Mapping[str, object] | None = None
    failed = None
    try:
        if step.channel is Channel.WEBHOOK:
            content = context.body(message, recipient.variables())
        else:
            content = context.render(message, url)
            if step.channel is Channel.EMAIL:
                context.wanted(number)  # the names of its files are Liquid, too
    except Invalid as error:
        failed = f"{error.code}: {error.message}"
    return Shown(
        step=step.key,
        channel=step.channel,
        to=tuple(one.address for one in planned if one.address is not None and one.skip is None),
        skipped=planned[0].skip,
        failed=failed,
        content=content,
    )
