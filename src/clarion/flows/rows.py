"""The rows that runs come to: messages, their jobs, the jobs of runs that wait, and the counts; written at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clarion import ids
from clarion.domain.plan import Planned, Wait
from clarion.domain.recipient import Recipient
from clarion.domain.status import Status
from clarion.flows.caps import Scoped, Use, over
from clarion.flows.rates import WORKFLOW
from clarion.queue import add
from clarion.queue.job import lane_of
from clarion.store import runs, triggers
from clarion.store.database import Connection
from clarion.store.few import FEW

#: The kind of the jobs of messages; each is in the queue of its channel.
DELIVER = "deliver"

#: The queue of runs that wait, and the kind of their jobs; a job's id is its run's.
WAITING = "runs"
ADVANCE = "advance"


def pace_of(tenant_id: UUID, workflow: str) -> str:
    """The name of the limit that all messages of one workflow share."""
    return f"{WORKFLOW}:{tenant_id}/{workflow}"


_RUN = ("id", "tenant_id", "trigger_id", "workflow_version_id", "recipient_id", "step", "status")
_MESSAGE = (
    *("id", "tenant_id", "trigger_id", "run_id", "expires_at", "step", "channel", "status"),
    *("workflow_key", "recipient_id", "address", "reason", "ended_at"),
)


@dataclass(slots=True)
class Rows:
    """The rows of one transaction, as they are gathered."""

    now: datetime
    runs: list[tuple[object, ...]] = field(default_factory=list)
    messages: list[tuple[object, ...]] = field(default_factory=list)
    jobs: list[tuple[object, ...]] = field(default_factory=list)
    #: Queues that have new jobs: to be rung for after the commit.
    queues: set[str] = field(default_factory=set)
    counts: dict[tuple[UUID, UUID, str], tuple[int, int]] = field(default_factory=lambda: defaultdict(lambda: (0, 0)))
    #: How many more runs of a trigger (and its tenant) wait.
    waiting: dict[tuple[UUID, UUID], int] = field(default_factory=lambda: defaultdict(int))
    #: Those of the messages that fall under frequency caps.
    capped: list[Use] = field(default_factory=list)
    #: Messages of a step to further devices of its recipient: they go if the first of them goes, and count as one.
    following: dict[UUID, UUID] = field(default_factory=dict)

    def add_messages(
        self,
        trigger: Mapping[str, Any],
        run_id: UUID,
        recipient_id: str,
        planned: Sequence[Planned],
        *,
        expires_at: datetime,
        minted: Iterator[UUID],
        pace: str | None = None,
        caps: Scoped = (),
    ) -> None:
        """Add what was planned for one run of *trigger*, with a job for each message that is queued.

        *pace*: of limits which these jobs keep to besides those of their queue. *caps* are decided by `write`.
        """
        tenant_id, trigger_id, workflow = trigger["tenant_id"], trigger["id"], trigger["workflow_key"]
        priority, lane = trigger["priority"], lane_of(tenant_id, pace)
        jobs, counts = self.jobs, self.counts
        firsts: dict[int, UUID] = {}
        for number, one_channel, address, skip in planned:
            id, channel = next(minted), one_channel.value
            key = (trigger_id, tenant_id, channel)
            queued, skipped = counts[key]
            if skip is None:
                if caps and (first := firsts.setdefault(number, id)) is not id:
                    self.following[id] = first
                elif caps:
                    fits = [(scope, cap) for scope, cap in caps if cap.channel in (None, one_channel)]
                    sandbox = trigger.get("sandbox", False)
                    self.capped += [Use(scope, cap, tenant_id, recipient_id, id, sandbox) for scope, cap in fits]
                status, ended_at = Status.QUEUED.value, None
                counts[key] = (queued + 1, skipped)
                self.queues.add(channel)
                # A microsecond apart, so that a claim can remember how far it has come.
                run_at = self.now + timedelta(microseconds=len(jobs))
                jobs.append((id, tenant_id, channel, DELIVER, priority, lane, run_at, None, None, pace))
            else:
                status, ended_at = Status.SKIPPED.value, self.now
                counts[key] = (queued, skipped + 1)
            self.messages.append(
                (
                    *(id, tenant_id, trigger_id, run_id, expires_at, number, channel, status),
                    *(workflow, recipient_id, address, skip, ended_at),
                )
            )

    def add_wait(self, trigger: Mapping[str, Any], run_id: UUID, wait: Wait) -> None:
        """Add the job of a run that begins to wait."""
        tenant_id = trigger["tenant_id"]
        lane = lane_of(tenant_id)
        self.jobs.append((run_id, tenant_id, WAITING, ADVANCE, trigger["priority"], lane, wait.until, None, None, None))
        self.waiting[trigger["id"], tenant_id] += 1
        self.queues.add(WAITING)

    @property
    def few(self) -> bool:
        """Whether they are so few that the number of statements counts, and none is of a run that waits or capped."""
        return not self.waiting and not self.capped and max(len(self.runs), len(self.messages), len(self.jobs)) <= FEW

    async def write(self, connection: Connection, *, slot: int) -> None:
        """Write all of it in the caller's transaction; as skipped what is one too many for its recipient."""
        if self.capped:
            refused = await over(connection, self.capped, self.now)
            self._skip(refused | {id: refused[of] for id, of in self.following.items() if of in refused})
        if self.runs:
            await connection.copy_records_to_table("run", records=self.runs, columns=_RUN)
        await connection.copy_records_to_table("message", records=self.messages, columns=_MESSAGE)
        await add.copy(connection, self.jobs)
        await triggers.count(connection, self.counts, slot=slot)
        await runs.count(connection, self.waiting, slot=slot)

    def _skip(self, reasons: Mapping[UUID, str]) -> None:
        """These messages are not sent after all, and have no jobs."""
        if not reasons:
            return
        self.jobs = [job for job in self.jobs if job[0] not in reasons]
        for place, row in enumerate(self.messages):
            message = dict(zip(_MESSAGE, row, strict=True))
            if (reason := reasons.get(message["id"])) is not None:  # type: ignore[call-overload]
                message |= {"status": Status.SKIPPED.value, "reason": reason, "ended_at": self.now}
                self.messages[place] = tuple(message.values())
                key = (message["trigger_id"], message["tenant_id"], message["channel"])
                queued, skipped = self.counts[key]  # type: ignore[index]
                self.counts[key] = (queued - 1, skipped + 1)  # type: ignore[index]


def recipient_of(
    row: Mapping[str, Any],
    devices: Sequence[str] | None = None,
    chats: Sequence[str] = (),
    webhooks: Sequence[UUID] | None = None,
) -> Recipient:
    """The recipient in a row of `triggers.page` or `runs.load`; *devices*, *chats* and *webhooks* where they matter."""
    return Recipient(
        id=row["recipient_id"],
        name=row["name"],
        locale=row["locale"],
        timezone=row["timezone"],
        email=row["email"],
        phone=row["phone"],
        devices=tuple(devices or ()),
        chats=tuple(chats),
        webhooks=tuple(ids.show(ids.Prefix.WEBHOOK, one) for one in webhooks) if webhooks else (),
        data=row["data"],
    )
