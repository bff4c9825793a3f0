"""Frequency caps: which messages are one too many for their recipient, decided in the transaction that makes them.

Each recipient has a row for each cap that was ever asked about them, with the messages that count. It is locked by
who adds to it, so two triggers at the same moment are decided one after the other, exactly. A message that is not sent
in the end, for whatever reason, does not count any more; nor one that a cap lets pass and another does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from clarion.domain.cap import Cap
from clarion.domain.suppression import is_critical
from clarion.domain.workflow import Workflow
from clarion.store import cap_uses
from clarion.store.database import Connection

#: The caps that messages fall under, each with the name of what it counts.
Scoped = Sequence[tuple[str, Cap]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The caps of categories, as the settings have them."""

    by_category: Mapping[str, Sequence[Cap]] = field(default_factory=dict)
    #: The categories that keep to none.
    critical: Collection[str] = ()

    def of(self, workflow: Workflow) -> Scoped:
        """The caps of *workflow* and of its category; none for what is critical."""
        if not (workflow.caps or self.by_category) or is_critical(workflow, self.critical):
            return ()
        own = [(f"workflow:{workflow.key} in {cap.window}", cap) for cap in workflow.caps]
        category = workflow.category
        shared = self.by_category.get(category, ()) if category is not None else ()
        return [*own, *((f"category:{category} in {cap.window}", cap) for cap in shared)]


class Use(NamedTuple):
    """A message to be that falls under a cap."""

    scope: str
    cap: Cap
    tenant_id: UUID
    recipient_id: str
    message_id: UUID
    #: It is decided as any other, and counts for nobody.
    sandbox: bool = False


async def over(connection: Connection, uses: Iterable[Use], now: datetime) -> dict[UUID, str]:
    """Those of the messages that are one too many, with the reason; all others count from now on.

    In the caller's transaction, before the messages are written. Rows are locked by scope, tenant and recipient, so
    that two who do this wait for each other in one order. Caps of one channel come first: what they refuse leaves its
    place under the others to the other channels.
    """
    by_scope: dict[tuple[str, Cap], list[Use]] = defaultdict(list)
    for use in sorted(uses, key=lambda use: use.sandbox):  # so that it takes no place in the same statement either
        by_scope[use.scope, use.cap].append(use)
    refused: dict[UUID, str] = {}
    for scope, cap in in_order(by_scope):
        wanted: dict[tuple[UUID, str], list[UUID]] = defaultdict(list)
        for use in by_scope[scope, cap]:
            if use.message_id not in refused:
                wanted[use.tenant_id, use.recipient_id].append(use.message_id)
        for id in await cap_uses.use(connection, scope, cap, wanted, now):
            refused[id] = cap.reason
    return refused


def in_order(caps: Iterable[tuple[str, Cap]]) -> list[tuple[str, Cap]]:
    """*caps* in the order in which they are decided."""
    return sorted(caps, key=lambda scoped: (scoped[1].channel is None, scoped[0]))
