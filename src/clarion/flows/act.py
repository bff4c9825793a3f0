"""Doing what a binding, a timer or a schedule says, in the transaction of what caused it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from clarion.domain.action import Action
from clarion.errors import ClarionError
from clarion.store.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One action to be done for one cause."""

    tenant_id: UUID
    action: Action
    #: What caused it, and which of its actions this is: the same if it is ever done again, e.g. ``timer:tmr_…:2/0``.
    #: Ids of publications are made from it.
    cause: str


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
    """Does deeds, many at once."""

    async def __call__(self, connection: Connection, deeds: Sequence[Deed]) -> Doings:
        """Do all of *deeds* in the caller's transaction. One that cannot be done leaves the others be."""
        raise NotImplementedError
