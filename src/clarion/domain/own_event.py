"""Clarion's own events: what a binding can hear of besides the messages of brokers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MESSAGE_SENT = "message.sent"  #: the provider took it
MESSAGE_FAILED = "message.failed"  #: it ended in `failed`, `bounced`, `expired` or `unknown`
MESSAGE_DELIVERED = "message.delivered"  #: it is in the feed, or the provider told us that it arrived
TRIGGER_COMPLETED = "trigger.completed"  #: nothing of it is open any more
TIMER_FIRED = "timer.fired"  #: its time has come
JOB_FAILED = "job.failed"  #: it was buried
ADDRESS_SUPPRESSED = "address.suppressed"  #: nobody writes to it any more, as a provider or its owner told
WEBHOOK_DISABLED = "webhook.disabled"  #: it failed for too long, or wants no more

#: By what each can be narrowed.
OWN_EVENTS: Mapping[str, Sequence[str]] = {
    MESSAGE_SENT: ("workflow", "channel"),
    MESSAGE_FAILED: ("workflow", "channel"),
    MESSAGE_DELIVERED: ("workflow", "channel"),
    TRIGGER_COMPLETED: ("workflow",),
    TIMER_FIRED: (),
    JOB_FAILED: ("queue",),
    ADDRESS_SUPPRESSED: ("channel",),
    WEBHOOK_DISABLED: (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEvent:
    """One of Clarion's own events, all of them or those of one workflow, channel or queue."""

    type: str
    workflow: str | None = None
    channel: str | None = None
    queue: str | None = None

    def hears(self, *, workflow: str | None = None, channel: str | None = None, queue: str | None = None) -> bool:
        """Whether an event of this type, of these, is meant."""
        wanted = ((self.workflow, workflow), (self.channel, channel), (self.queue, queue))
        return all(want is None or want == given for want, given in wanted)
