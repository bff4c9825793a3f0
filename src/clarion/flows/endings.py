"""Recording what became of messages: the message, its attempt, its trigger's counts and its job move together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import structlog

from clarion import ids
from clarion.domain.device import Dead
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Reject
from clarion.domain.status import Status
from clarion.domain.step import Channel
from clarion.domain.suppression import SoftRule
from clarion.domain.verdict import Verdict
from clarion.flows.feedback import Said, learn
from clarion.flows.hearing import Hearing
from clarion.queue import settle
from clarion.queue.job import Job, PutOff, storable
from clarion.store import chats, devices, messages
from clarion.store.database import Connection, Pool

log = structlog.get_logger()

#: What a database that is away, restarting or overloaded raises: the statement may be repeated.
PASSING = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidTransactionStateError,  # a standby, read-only for now; idle for too long
    asyncpg.InternalClientError,  # the server said goodbye while nobody listened, and the driver is out of step
    TimeoutError,
)


_SOFT = SoftRule()


class Ending(NamedTuple):
    """How one claim of a message's job ends."""

    job: Job
    #: What the message must still be for the move to hold.
    expected: Status
    number: int
    verdict: Verdict
    #: The token of the device that it went to, where the provider knows it no more.
    dead: Dead | None = None

    def news(self) -> messages.News:
        """The move of the message."""
        return self.news_of(self.job.id, self.expected, self.number, self.verdict)

    def said(self) -> Said | None:
        """What was said of the address, if anything was."""
        verdict = self.verdict
        if verdict.feedback is None:
            return None
        return Said(self.job.id, verdict.feedback, storable(verdict.reason) if verdict.reason else None)

    @staticmethod
    def news_of(id: UUID, expected: Status, number: int, verdict: Verdict) -> messages.News:
        """The move of message *id* from *expected* by *verdict*."""
        return messages.News(
            id=id,
            expected=expected,
            number=number,
            status=verdict.status,
            reason=storable(verdict.reason) if verdict.reason else None,
            provider_id=storable(verdict.provider_id) if verdict.provider_id else None,
            possible_duplicate=verdict.possible_duplicate,
            attempt=verdict.attempt,
            event=verdict.event,
        )


def dead_of(outcome: Outcome, row: Mapping[str, Any]) -> Dead | None:
    """The token or chat to which a message (*row*, of `reach_devices` or `flows.chats`) went, if *outcome* says that it
    is dead."""
    if isinstance(outcome, Reject) and outcome.feedback is Feedback.DEAD_TOKEN and (token := row.get("token")):
        provider = row["whose"] if row["channel"] == Channel.CHAT else None
        return Dead(token, storable(outcome.reason), provider, row.get("digest"))
    return None


def redriven(job: Job, status: Status, number: int) -> Ending:
    """A message that had ended, found with a job: its buried job was redriven, so it is wanted again."""
    unsure = status is Status.UNKNOWN  # it may have been taken then
    verdict = Verdict(
        status=Status.QUEUED, event="redriven", after=timedelta(microseconds=1), possible_duplicate=unsure
    )
    return Ending(job, status, number, verdict)


async def record(
    connection: Connection,
    endings: Sequence[Ending],
    *,
    slot: int,
    hearing: Hearing | None = None,
    soft: SoftRule = _SOFT,
) -> set[UUID]:
    """Within the caller's transaction: whoever lost the lease of a job must not move its message.

    Those who lost it still leave their evidence with the attempt, and what was said of an address holds all the same
    (*soft*: when it says so of several in a row). Answers the ids of the messages that moved.
    """
    done = {e.job.id: e.job.fence for e in endings if e.verdict.after is None and not e.verdict.bury}
    later = [
        PutOff(job=e.job, after=e.verdict.after, error=e.verdict.reason, spent=e.verdict.spent)
        for e in endings
        if e.verdict.after is not None
    ]
    buried = {e.job: e.verdict.reason or "" for e in endings if e.verdict.bury}
    lost = await settle.put_off(connection, later, slot=slot)
    lost |= await settle.bury(connection, buried, slot=slot)
    news = [e.news() for e in endings if e.job.id not in lost]
    moved, gone = await messages.record(connection, news, leaving=done, slot=slot)
    if lost := lost | gone:
        theirs = [e for e in endings if e.job.id in lost]
        await messages.evidence(connection, [e.news() for e in theirs], {e.job.id: e.job.fence for e in theirs})
        log.warning("message.lost_lease", messages=[ids.show(ids.Prefix.MESSAGE, id) for id in lost])
    if buried or later:  # only what is refused says something of an address, mostly for good
        await learn(connection, [said for e in endings if (said := e.said()) is not None], soft, hearing)
        if dead := [(e.job.tenant_id, e.dead) for e in endings if e.dead is not None]:
            await _disable(connection, dead)
    if hearing is not None and hearing.anybody:
        ended = [e for e in endings if e.job.id in moved and e.verdict.after is None]
        await hearing.messages(connection, [(e.job.tenant_id, e.job.id, e.verdict.status) for e in ended])
        await hearing.buried(connection, buried, lost)
    return moved


async def _disable(connection: Connection, dead: Sequence[tuple[UUID, Dead]]) -> None:
    if tokens := [(tenant_id, one) for tenant_id, one in dead if one.provider is None]:
        log.info("device.disabled", devices=await devices.disable(connection, tokens))
    if rooms := [(tenant_id, one) for tenant_id, one in dead if one.provider is not None]:
        log.info("chat.disabled", chats=await chats.disable(connection, rooms))


async def record_surely(
    pool: Pool,
    endings: Sequence[Ending],
    *,
    slot: int,
    hearing: Hearing | None = None,
    soft: SoftRule = _SOFT,
    also: Callable[[Connection, set[UUID]], Awaitable[None]] | None = None,
) -> None:
    """Record in a transaction of its own, and again until it went through: repeating it changes nothing.

    When the lease runs out meanwhile, whoever has the job then finds out what happened. *also* is done in the same
    transaction, with the ids of the messages that moved.
    """
    if not endings:
        return
    pause = 0.05
    # Where all end alike it is one statement, and needs no transaction around it.
    if hearing is not None and not hearing.anybody:
        hearing = None
    # (What disables a device is a rejection, whose job is buried.)
    alone = hearing is None and also is None and all(e.verdict.after is None and not e.verdict.bury for e in endings)
    while True:
        try:
            async with pool.acquire() as connection, nullcontext() if alone else connection.transaction():
                moved = await record(connection, endings, slot=slot, hearing=hearing, soft=soft)
                if also is not None:
                    await also(connection, moved)
            break
        except PASSING as error:
            log.warning("message.record_failed", error=str(error), messages=len(endings), again_in_s=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)
    if hearing is not None:
        hearing.ring()
    for ending in endings:
        if ending.job.id in moved and (ending.verdict.status is not Status.SENT or log.is_enabled_for(logging.DEBUG)):
            tell(ending)


def tell(ending: Ending) -> None:
    """Log what became of a message, once it is committed."""
    verdict = ending.verdict
    if verdict.status in (Status.SENT, Status.DELIVERED):
        log.debug("message.sent", message=ids.show(ids.Prefix.MESSAGE, ending.job.id), attempt=ending.number)
        return
    log.warning(
        f"message.{verdict.status}" if verdict.after is None else "message.put_off",
        message=ids.show(ids.Prefix.MESSAGE, ending.job.id),
        attempt=ending.number,
        reason=verdict.reason,
        again_in_s=verdict.after.total_seconds() if verdict.after else None,
    )
