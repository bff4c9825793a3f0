"""What a handler leaves behind when it gives its place back: jobs that only wait for somebody to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from clarion.queue.job import Job


@dataclass(frozen=True, slots=True)
class Late:
    """Jobs that wait for somebody who does not answer. They stay leased until `rest` is over."""

    jobs: Sequence[Job]
    #: Waits for the answers, and settles the jobs.
    rest: Awaitable[None]


#: Does what jobs of one kind ask for. What it leaves behind takes no place of its queue any more.
Handler = Callable[[Sequence[Job]], Awaitable[Late | None]]
