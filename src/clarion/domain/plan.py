"""Which messages a recipient gets of a workflow, why not where they get none, and until when a run waits in between."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from clarion.domain import delay
from clarion.domain.expression import Expression, Result, Scope
from clarion.domain.recipient import Recipient
from clarion.domain.step import Channel, ChannelStep, DelayStep, Step
from clarion.domain.webhook_body import Body

_NO_ADDRESS = {channel: f"no address for {channel.value}" for channel in Channel}
_NO_ADDRESS |= {
    Channel.PUSH: "no device for push",
    Channel.CHAT: "no chat",
    Channel.WEBHOOK: "no webhook that wants it",
}


@dataclass(frozen=True, slots=True)
class Ready:
    """One step with its expressions compiled."""

    step: Step
    when: Expression | None = None
    until: Expression | None = None
    #: Of a webhook: what it says.
    body: Body | None = None

    @classmethod
    def of(cls, step: Step) -> Ready:
        """*step*, ready to be taken. Raises `Invalid` for an expression that is none."""
        until = step.until if isinstance(step, DelayStep) else None
        body = Body(step.type, step.data) if isinstance(step, ChannelStep) and step.channel is Channel.WEBHOOK else None
        when = Expression.compile(step.when) if step.when else None
        return cls(step, when, Expression.compile(until) if until else None, body)


#: The channels on which a recipient is reached in several places, and what these are.
_PLACES: Mapping[Channel, Callable[[Recipient], tuple[str, ...]]] = {
    Channel.PUSH: lambda recipient: recipient.devices,
    Channel.CHAT: lambda recipient: recipient.chats,
    Channel.WEBHOOK: lambda recipient: recipient.webhooks,
}


class Planned(NamedTuple):
    """One message to be: queued, or skipped for a reason. A tuple, like `Plan`: a broadcast makes a million of them."""

    step: int
    channel: Channel
    #: Where it goes; None where the channel needs no address, or there is none.
    address: str | None
    #: Why it is not sent; None when it is.
    skip: str | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The run goes on behind *step* at *until*, not before."""

    step: int
    until: datetime


class Plan(NamedTuple):
    """What a run comes to now: messages, and then it is done, or waits."""

    messages: list[Planned]
    wait: Wait | None = None


def plan(
    steps: Sequence[Ready],
    recipient: Recipient,
    scope: Scope | None,
    *,
    now: datetime,
    deadline: datetime | None = None,
    channels: Collection[str] | None = None,
    start: int = 0,
    verified: bool = False,
) -> Plan:
    """Take the steps from number *start* on, in their order, up to the first that has to wait.

    *scope* is what expressions see (may be None when there are none). *channels* narrows the workflow's: a step on
    another channel makes no message at all. *deadline* is the time after which nothing may be sent, where the trigger
    named one: nobody waits beyond it. A run that cannot go on ends, and the messages that it would have made later
    are skipped for that reason; where none would be made behind a delay, there is nothing to wait for. *verified*:
    the addresses of *recipient* are those that are verified, for no others will do.
    """
    planned: list[Planned] = []
    for number in range(start, len(steps)):
        ready = steps[number]
        if isinstance(ready.step, ChannelStep):
            channel = ready.step.channel
            if channels is not None and channel not in channels:
                continue
            if channel in _PLACES:
                planned += _for_each(number, channel, ready.when, recipient, scope)
                continue
            address = address_of(recipient, channel)
            skip = _why_not(channel, address, ready.when, recipient, scope)
            if verified and skip == _NO_ADDRESS[channel]:
                skip = f"no verified address for {channel.value}"
            planned.append(Planned(number, channel, address, skip))
            continue
        end = _end(ready, recipient, scope, now)
        reason = end.reason
        if isinstance(end.value, datetime):
            if deadline is None or end.value < deadline:
                wait = Wait(number, end.value) if _makes_messages(steps[number:], channels) else None
                return Plan(planned, wait)
            reason = f"delay would end at {delay.show(end.value)}, past its expires_at, {delay.show(deadline)}"
        if reason is not None:
            return Plan(planned + skip_rest(steps, recipient, reason, channels=channels, start=number))
    return Plan(planned)


def skip_rest(
    steps: Sequence[Ready], recipient: Recipient, reason: str, *, channels: Collection[str] | None = None, start: int
) -> list[Planned]:
    """The messages of the steps from *start* on, all skipped for *reason*."""
    return [
        Planned(number, ready.step.channel, address_of(recipient, ready.step.channel), reason)
        for number, ready in enumerate(steps[start:], start)
        if isinstance(ready.step, ChannelStep) and (channels is None or ready.step.channel in channels)
    ]


def address_of(recipient: Recipient, channel: Channel) -> str | None:
    """Where *recipient* is reached on *channel*; a feed is reached by the recipient's id. No one place stands for all
    devices, chats or webhooks."""
    if channel is Channel.EMAIL:
        return recipient.email
    if channel in _PLACES:
        return None
    return recipient.phone if channel is Channel.SMS else recipient.id


def _for_each(
    number: int, channel: Channel, when: Expression | None, recipient: Recipient, scope: Scope | None
) -> list[Planned]:
    """A message for each device, chat or webhook, so that each is tried until it has it, and no other has it twice."""
    places = _PLACES[channel](recipient)
    skip = _why_not(channel, places[0] if places else None, when, recipient, scope)
    if skip is not None:
        return [Planned(number, channel, None, skip)]
    return [Planned(number, channel, place) for place in places]


def _why_not(
    channel: Channel, address: str | None, condition: Expression | None, recipient: Recipient, scope: Scope | None
) -> str | None:
    if condition is not None:
        assert scope is not None
        result = condition.evaluate(scope.of(recipient.variables()))
        if result.reason is not None:
            return f"condition cannot be decided: {result.reason}"
        if result.value is not True:
            return f"condition is not met: {condition.text}"
    if address is None:
        return _NO_ADDRESS[channel]
    return None


def _end(ready: Ready, recipient: Recipient, scope: Scope | None, now: datetime) -> Result:
    """When a delay that begins at *now* ends; nothing when it does not begin, or is over already."""
    assert isinstance(ready.step, DelayStep)
    if ready.when is not None:
        assert scope is not None
        holds = ready.when.evaluate(scope.of(recipient.variables()))
        if not isinstance(holds.value, bool):
            reason = holds.reason or f"{ready.when.text} is neither true nor false"
            return Result(reason=f"condition of its delay cannot be decided: {reason}")
        if not holds.value:
            return Result()
    if ready.step.length is not None:
        end = Result(now + ready.step.length)
    else:
        assert ready.until is not None
        assert scope is not None
        end = delay.time_of(ready.until.evaluate(scope.of(recipient.variables())), now)
        if end.reason is not None:
            return Result(reason=f"delay cannot be told: {end.reason}")
    return end if isinstance(end.value, datetime) and end.value > now else Result()


def _makes_messages(steps: Sequence[Ready], channels: Collection[str] | None) -> bool:
    return any(
        isinstance(ready.step, ChannelStep) and (channels is None or ready.step.channel in channels) for ready in steps
    )
