"""The words of each step that is looked at, and what speaks against their arriving."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from clarion import clock, ids
from clarion.domain.content import Content
from clarion.domain.duration import show_duration
from clarion.domain.expression import Scope
from clarion.domain.plan import Planned, plan
from clarion.domain.recipient import Recipient
from clarion.domain.step import ChannelStep, DelayStep
from clarion.domain.suppression import CHANNELS
from clarion.domain.webhook_body import written
from clarion.domain.workflow import Channel
from clarion.errors import Invalid
from clarion.flows.contexts import Context
from clarion.flows.preview_held import Room, short_of_verified, too_many
from clarion.flows.preview_reach import Place, Stop, Ways


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


class Looking(NamedTuple):
    """All that is known before anything is rendered."""

    recipient: Recipient
    context: Context
    scope: Scope | None
    places: Mapping[Channel, Sequence[Place]]
    stopped: Mapping[Channel, Stop]
    ways: Ways
    unsubscribe_url: str | None
    rooms: Sequence[Room]
    #: By channel, what its messages wait for at the moment.
    waits: Mapping[Channel, Sequence[str]]
    #: Whether only verified addresses will do, and whether the recipient's are those.
    verified: bool
    looked_up: bool


def render(looking: Looking, channels: Collection[str] | None) -> list[Shown]:
    """Each step, on *channels* alone if given, with its words. Blocks."""
    steps, now, shown = looking.context.version.steps, clock.now(), list[Shown]()
    scope, verified = looking.scope, looking.verified
    planned = {
        number: plan(steps[: number + 1], looking.recipient, scope, now=now, start=number, verified=verified).messages
        for number, ready in enumerate(steps)
        if isinstance(ready.step, ChannelStep) and (channels is None or ready.step.channel.value in channels)
    }
    refused = too_many(looking.rooms, {n: one[0].channel for n, one in planned.items() if one[0].skip is None})
    for number, ready in enumerate(steps):
        step = ready.step
        if isinstance(step, DelayStep):
            shown.append(
                Shown(step=step.key, channel=None, waits=step.until or show_duration(step.length or timedelta()))
            )
            continue
        assert isinstance(step, ChannelStep)
        if number in planned:
            shown.append(_shown(looking, number, step, planned[number], refused.get(number)))
    return shown


def _shown(looking: Looking, number: int, step: ChannelStep, planned: list[Planned], refused: str | None) -> Shown:
    recipient, channel = looking.recipient, step.channel
    stop, skipped = looking.stopped.get(channel), planned[0].skip or refused
    to = tuple(one.address for one in planned if one.address is not None and skipped is None)
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
    if skipped is None:
        warnings += looking.waits.get(channel, ())
        if looking.verified and not looking.looked_up and planned[0].address and channel in CHANNELS:
            warnings.append(short_of_verified(channel))
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
    looking: Looking, number: int, channel: Channel, message: Mapping[str, Any]
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
