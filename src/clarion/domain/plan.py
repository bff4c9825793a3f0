"""Which messages a recipient gets of a workflow, and why not where they get none."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from clarion.domain.expression import Expression, Scope
from clarion.domain.recipient import Recipient
from clarion.domain.workflow import Channel, Workflow


@dataclass(frozen=True, slots=True)
class Planned:
    """One message to be: queued, or skipped for a reason."""

    step: int
    channel: Channel
    #: Where it goes; None where the channel needs no address, or there is none.
    address: str | None
    #: Why it is not sent; None when it is.
    skip: str | None = None


def plan(
    workflow: Workflow,
    conditions: Sequence[Expression | None],
    recipient: Recipient,
    scope: Scope | None,
    channels: Collection[str] | None = None,
) -> list[Planned]:
    """The messages of one run, one per step, in the order of the steps.

    *conditions* are the steps' `when`, compiled; *scope* is what they see (may be None when there are none). *channels*
    narrows the workflow's: a step on another channel makes no message at all.
    """
    planned = []
    for number, step in enumerate(workflow.steps):
        if channels is not None and step.channel not in channels:
            continue
        address = address_of(recipient, step.channel)
        skip = _why_not(step.channel, address, conditions[number], recipient, scope)
        planned.append(Planned(number, step.channel, address, skip))
    return planned


def address_of(recipient: Recipient, channel: Channel) -> str | None:
    """Where *recipient* is reached on *channel*; a feed is reached by the recipient's id."""
    return recipient.email if channel is Channel.EMAIL else recipient.id


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
        return f"no address for {channel.value}"
    return None
