"""One page of an expansion: what its transaction writes, and the job of the page behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from clarion.domain.expression import Scope
from clarion.domain.plan import plan
from clarion.domain.recipient import Recipient
from clarion.domain.workflow import Channel
from clarion.flows.caps import Caps
from clarion.flows.marks import Marks
from clarion.flows.published import Version
from clarion.flows.rows import Rows
from clarion.queue.job import NewJob
from clarion.store import triggers

#: The queue of first pages; the next ones travel in the queue of a channel.
QUEUE = "expand"
KIND = "expand"
_SLOWEST_FIRST = tuple(
    each.value for each in (Channel.SMS, Channel.CHAT, Channel.WEBHOOK, Channel.EMAIL, Channel.PUSH, Channel.IN_APP)
)


@dataclass(slots=True)
class Page:
    """What one transaction writes, as it is gathered."""

    rows: Rows
    #: Of the claims of this page's triggers, for the jobs of the next pages to go on from.
    fences: Mapping[UUID, int]
    next: list[NewJob] = field(default_factory=list)
    cursors: list[triggers.Expanded] = field(default_factory=list)


def write_run(
    rows: Rows,
    row: Mapping[str, Any],
    version: Version,
    recipient: Recipient,
    scope: Scope | None,
    minted: Iterator[UUID],
    marks: Marks,
    caps: Caps,
    *,
    verified: bool = False,
) -> bool:
    """Add one run with the messages that it makes now; whether it waits then. *verified* as `plan` has it."""
    id = next(minted)
    deadline = row["expires_at"] if row["expires_given"] else None
    planned = plan(
        version.steps,
        recipient,
        scope,
        now=rows.now,
        deadline=deadline,
        channels=row["channels"],
        verified=verified,
    )
    step, status = (planned.wait.step, "running") if planned.wait else (len(version.steps), "completed")
    rows.runs.append((id, row["tenant_id"], row["id"], version.id, recipient.id, step, status))
    pace = marks.of(row["tenant_id"], version.workflow)
    rows.add_messages(
        row,
        id,
        recipient.id,
        planned.messages,
        expires_at=row["expires_at"],
        minted=minted,
        pace=pace,
        caps=caps.of(version.workflow),
    )
    if planned.wait is not None:
        rows.add_wait(row, id, planned.wait)
    return planned.wait is not None


def write_next(page: Page, row: Mapping[str, Any], own: Sequence[tuple[object, ...]]) -> None:
    """The job of the next page, in the slowest channel's queue at the middle of this page; at once if nothing waits."""
    queue, run_at = QUEUE, page.rows.now
    for channel in _SLOWEST_FIRST:
        times = [job[6] for job in own if job[2] == channel]
        if times:
            middle = times[len(times) // 2]
            assert isinstance(middle, datetime)
            queue, run_at = channel, middle
            break
    page.rows.queues.add(queue)
    page.next.append(
        NewJob(
            id=row["id"],
            queue=queue,
            kind=KIND,
            tenant_id=row["tenant_id"],
            priority=row["priority"],
            run_at=run_at,
            fence=page.fences[row["id"]],
        )
    )
