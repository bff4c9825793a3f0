"""Doing what a binding, a timer or a schedule says, in the transaction of what caused it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from clarion import clock
from clarion.domain.action import Action, CancelTimer, Publish, SetTimer, Trigger
from clarion.domain.timer import sandboxed
from clarion.errors import ClarionError, Invalid
from clarion.flows import expand, publish_action, timer_action, trigger_action
from clarion.flows.attaching import Allowed
from clarion.flows.definitions import Definitions
from clarion.flows.publications import add_publications
from clarion.flows.timers import QUEUE as TIMERS
from clarion.flows.timers import NewTimer, cancel_timers, set_timers, soon
from clarion.flows.trigger import Request
from clarion.flows.trigger_many import trigger_many
from clarion.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One action to be done for one cause."""

    tenant_id: UUID
    action: Action
    #: What caused it, and which of its actions this is: the same if it is ever done again, e.g. ``timer:tmr_…:2/0``.
    #: Ids of publications are made from it.
    cause: str
    #: Whether its cause is in a sandbox: then all that it causes is, too.
    sandbox: bool = False


@dataclass(slots=True)
class Done:
    """What became of one deed."""

    #: The trigger that was accepted, if it was one.
    trigger_id: UUID | None = None
    #: Why it could not be done, and never will be: it names what does not exist, or is not well formed.
    error: ClarionError | None = None


@dataclass(slots=True)
class Doings:
    """What became of deeds, in their order, and which queues have new jobs: ring for them after the commit."""

    done: list[Done] = field(default_factory=list)
    queues: set[str] = field(default_factory=set)


class Act:
    """Does deeds, many at once.

    A deed is done each time it is handed over. What makes it once per cause is the caller's own compare-and-set in the
    same transaction: the move of the timer, the row of the message that came in, the settle of the job. A second record
    of the cause with every trigger would cost an index entry at random places and guard against nothing that those do
    not. Publications carry an id made from the cause besides, for what lies beyond the transaction.
    """

    def __init__(self, definitions: Definitions, allowed: Allowed | None = None) -> None:
        """*allowed* says which files triggers may name; unless given, those that were uploaded."""
        self._definitions = definitions
        self._allowed = allowed or Allowed()

    async def __call__(self, connection: Connection, deeds: Sequence[Deed]) -> Doings:
        """Do all of *deeds* in the caller's transaction, in their order. One that cannot be done leaves the others be.

        It is a few statements, however many there are.
        """
        doings = Doings([Done() for _ in deeds])
        await self._trigger(connection, deeds, doings)
        await self._publish(connection, deeds, doings)
        await self._keep_time(connection, deeds, doings)
        return doings

    async def _trigger(self, connection: Connection, deeds: Sequence[Deed], doings: Doings) -> None:
        now = clock.now()
        asked: list[tuple[UUID, Request]] = []
        places: list[Done] = []
        for deed, done in zip(deeds, doings.done, strict=True):
            if not isinstance(deed.action, Trigger):
                continue
            try:
                request = trigger_action.read(deed.action, now, self._allowed)
                asked.append((deed.tenant_id, replace(request, sandbox=request.sandbox or deed.sandbox)))
                places.append(done)
            except Invalid as error:
                done.error = error
        accepted = await trigger_many(connection, asked, definitions=self._definitions, rules=self._allowed.rules)
        for done, one in zip(places, accepted, strict=True):
            if isinstance(one, UUID):
                done.trigger_id = one
                doings.queues.add(expand.QUEUE)
            else:
                done.error = one

    async def _publish(self, connection: Connection, deeds: Sequence[Deed], doings: Doings) -> None:
        publications = []
        for deed, done in zip(deeds, doings.done, strict=True):
            if isinstance(deed.action, Publish):
                try:
                    one = publish_action.read(deed.tenant_id, deed.action, deed.cause, sandbox=deed.sandbox)
                    publications.append(one)
                except Invalid as error:
                    done.error = error
        doings.queues |= await add_publications(connection, publications)

    async def _keep_time(self, connection: Connection, deeds: Sequence[Deed], doings: Doings) -> None:
        """Of several that name one timer the last one counts, as if one came after the other.

        In a sandbox they name those that are in it: a real timer is neither replaced nor taken back.
        """
        last: dict[tuple[UUID, str], SetTimer | CancelTimer] = {}
        for deed, done in zip(deeds, doings.done, strict=True):
            if isinstance(deed.action, SetTimer | CancelTimer):
                try:
                    timer_action.check(deed.action)
                    key = sandboxed(deed.action.key) if deed.sandbox else deed.action.key
                    last[deed.tenant_id, key] = deed.action
                except Invalid as error:
                    done.error = error
        wanted = [
            NewTimer(tenant_id=tenant_id, key=key, at=set.at, actions=set.actions, metadata=set.metadata)
            for (tenant_id, key), set in last.items()
            if isinstance(set, SetTimer)
        ]
        await cancel_timers(connection, [name for name, one in last.items() if isinstance(one, CancelTimer)])
        await set_timers(connection, wanted)
        if soon(new.at for new in wanted):
            doings.queues.add(TIMERS)
