"""What a workflow would send one recipient, rendered on every channel: nothing is stored, and nothing leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from clarion import clock, ids
from clarion.domain.content import Content
from clarion.domain.duration import show_duration
from clarion.domain.expression import Scope
from clarion.domain.plan import Planned, plan
from clarion.domain.recipient import Recipient
from clarion.domain.step import ChannelStep, DelayStep
from clarion.domain.suppression import is_offered
from clarion.domain.webhook_body import written
from clarion.domain.workflow import Channel
from clarion.errors import Invalid, NotFound
from clarion.flows.contexts import Context
from clarion.flows.preview_reach import Place, Stop, Ways, stops
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
    #: Whether whoever asks may see what is stored of people, and of addresses that are suppressed.
    knows_people: bool = True
    knows_suppressions: bool = True


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
    #: What speaks against its arriving, besides what the words themselves tell.
    warnings: tuple[str, ...] = ()


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
    """Look at the current version, for messages that leave by *ways*. Caps and limits, which depend on what was sent
    before, are not looked at, nor which addresses are verified.

    Raises `NotFound` where there is no such workflow, or no such recipient.
    """
    row = await workflows.current(connection, tenant_id, asked.workflow)
    if row is None:
        raise no_workflow(asked.workflow, await workflows.list_(connection, tenant_id))
    version = (await published.get(connection, [row["id"]]))[row["id"]]
    recipient = await _recipient(connection, tenant_id, asked)
    recipient, places = await _reached(connection, tenant_id, recipient, version, asked)
    trigger = _trigger(tenant_id, asked)
    context = Context(trigger, version)
    stopped: Mapping[Channel, Stop] = {}
    if asked.knows_suppressions:
        others = asked.knows_people
        stopped = await stops(connection, tenant_id, recipient, context, critical, others=others)
    url = f"{public_url}/u/preview" if public_url and is_offered(version.workflow, critical) else None
    scope = Scope(payload=asked.payload, trigger=trigger_variables(trigger)) if version.has_expressions else None
    looking = _Looking(recipient, context, scope, places, stopped, ways or Ways(), url)
    steps = await asyncio.to_thread(_render, looking, asked.channels)
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


def _trigger(tenant_id: UUID, asked: Asked) -> Mapping[str, Any]:
    """As `triggers.load` would have it."""
    return {
        **{"id": ids.new(), "tenant_id": tenant_id, "workflow_key": asked.workflow, "created_at": clock.now()},
        **{"payload": asked.payload, "metadata": asked.metadata, "transaction_id": None, "attachments": []},
        "sandbox": True,
    }


class _Looking(NamedTuple):
    """All that is known before anything is rendered."""

    recipient: Recipient
    context: Context
    scope: Scope | None
    places: Mapping[Channel, Sequence[Place]]
    stopped: Mapping[Channel, Stop]
    ways: Ways
    unsubscribe_url: str | None


def _render(looking: _Looking, channels: Collection[str] | None) -> list[Shown]:
    steps, now, shown = looking.context.version.steps, clock.now(), []
    for number, ready in enumerate(steps):
        step = ready.step
        if isinstance(step, DelayStep):
            shown.append(
                Shown(step=step.key, channel=None, waits=step.until or show_duration(step.length or timedelta()))
            )
            continue
        assert isinstance(step, ChannelStep)
        if channels is not None and step.channel.value not in channels:
            continue
        planned = plan(steps[: number + 1], looking.recipient, looking.scope, now=now, start=number).messages
        shown.append(_shown(looking, number, step, planned))
    return shown


def _shown(looking: _Looking, number: int, step: ChannelStep, planned: list[Planned]) -> Shown:
    recipient, channel = looking.recipient, step.channel
    stop, skipped = looking.stopped.get(channel), planned[0].skip
    to = tuple(one.address for one in planned if one.address is not None and one.skip is None)
    warnings: list[str] = []
    if stop is not None and skipped is None:
        if stop.instead is None:
            skipped, to = stop.why, ()
        else:
            to = (stop.instead,)
            warnings.append(f"{stop.address} is {stop.why}; it goes to the next verified address")
    message = {
        **{"id": ids.new(), "step": number, "recipient_id": recipient.id, "address": planned[0].address},
        **{name: getattr(recipient, name) for name in ("name", "locale", "timezone", "data")},
        **({"address": stop.instead} if stop is not None and stop.instead is not None else {}),
    }
    content, failed = _words(looking, number, channel, message)
    if content is not None and not isinstance(content, Mapping):
        warnings += looking.ways.warnings(channel, looking.places.get(channel, ()), content)
    return Shown(
        step=step.key,
        channel=channel,
        to=to,
        skipped=skipped,
        failed=failed,
        content=content,
        warnings=tuple(warnings),
    )


def _words(
    looking: _Looking, number: int, channel: Channel, message: Mapping[str, Any]
) -> tuple[Content | Mapping[str, object] | None, str | None]:
    """What a message says, and why it would fail: what is too large is shown all the same."""
    context = looking.context
    content: Content | Mapping[str, object] | None = None
    try:
        if channel is Channel.WEBHOOK:
            content = context.body(message, looking.recipient.variables())
            written(content)
            return content, None
        url = looking.unsubscribe_url if channel in (Channel.EMAIL, Channel.SMS) else None
        content = context.render(message, url)
        if channel is Channel.EMAIL:
            context.wanted(number)  # the names of its files are Liquid, too
    except Invalid as error:
        return content if error.code == "too_large" else None, f"{error.code}: {error.message}"
    return content, None
