"""What is known of a list of jobs while their messages are delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Generic
from uuid import UUID

from clarion import clock
from clarion.channels.base import Item
from clarion.flows.compose import Rows
from clarion.flows.contexts import Context
from clarion.flows.endings import Ending
from clarion.queue.job import Job


@dataclass(slots=True)
class Batch(Generic[Item]):
    """What is known of the jobs of one call."""

    #: Rendered and ready to go.
    items: dict[UUID, Item]
    contexts: dict[UUID, Context]
    #: Of `messages.load`.
    rows: Rows
    #: Decided without sending.
    endings: list[Ending]
    #: Nothing to do for these any more.
    idle: list[Job]
    #: On the monotonic clock: when the rows were asked for.
    loaded_at: float

    def remains(self, id: UUID) -> timedelta:
        """The time to a message's deadline: by the database's clock, for that of this machine may be wrong."""
        remained: timedelta = self.rows[id]["remains"]
        return remained - timedelta(seconds=clock.monotonic() - self.loaded_at)
