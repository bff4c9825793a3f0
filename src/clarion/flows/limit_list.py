"""All limits there are: who set each, whether it is paused, and what waits for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from clarion.domain.rate import Rate
from clarion.flows.rates import (
    CATEGORY,
    CHANNEL,
    DESTINATION,
    DOMAIN,
    PROVIDER,
    QUEUE,
    TENANT,
    WEBHOOK,
    WORKFLOW,
    Carriers,
    channel_pace,
    provider_pace,
)
from clarion.queue import counts, limits
from clarion.queue.counts import COUNT_LIMIT, Count
from clarion.store import tenants
from clarion.store.database import Connection

KINDS: Final = (CATEGORY, CHANNEL, DESTINATION, DOMAIN, PROVIDER, QUEUE, TENANT, WEBHOOK, WORKFLOW)
#: Those that are told to nobody but their tenant.
_OWNED: Final = (TENANT, WEBHOOK, WORKFLOW)
#: More are not listed.
MOST: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit, now."""

    #: ``queue``, ``channel``, ``provider``, ``workflow``, ``category``, ``tenant``, ``domain``, ``destination``
    #: or ``webhook``.
    kind: str
    #: What it limits, as people call it.
    name: str
    #: The name of the tenant whose it is; None where it is shared.
    tenant: str | None
    #: None: it is only paused.
    rate: Rate | None
    #: ``hand``, ``settings``, ``workflow``, ``feedback``; ``pause`` where there is no rate.
    set_by: str
    paused_until: datetime | None
    reason: str | None
    #: Due jobs that fall under it.
    waiting: Count


async def list_limits(
    connection: Connection, carriers: Carriers, *, tenant_id: UUID | None, only: str | None = None
) -> list[Limit]:
    """The limits that *tenant_id* may see, by kind and name, *only* one of them if given; None sees those of all."""
    rows = await limits.listed(connection, KINDS, owner=tenant_id, owned=_OWNED, only=only, limit=MOST)
    owners = {owner for row in rows if (owner := _owner(row["name"])) is not None}
    known = await tenants.names(connection, owners)
    waiting = await _waiting(connection, [row["name"] for row in rows], carriers)
    return [_limit(row, known, waiting.get(row["name"], 0)) for row in rows]


async def _waiting(connection: Connection, names: Sequence[str], carriers: Carriers) -> Mapping[str, int]:
    """How many jobs wait for each of the limits *names*."""
    waiting = Counter[str]()
    for pace, count in (await counts.paced(connection)).items():
        for name in limits.parts(pace):
            waiting[name] += count.value
    queues = {f"{QUEUE}:{queue}": [queue] for queue in (name.partition(":")[2] for name in names)}
    for queue, labels in carriers.items():
        queues[channel_pace(queue)] = [queue]
        for label in labels:
            queues.setdefault(provider_pace(label), []).append(queue)
    for name in names:
        for queue in queues.get(name, ()):
            waiting[name] += (await counts.counts(connection, queue)).ready.value
    return waiting


def _owner(name: str) -> UUID | None:
    kind, _, rest = name.partition(":")
    return UUID(rest.partition("/")[0]) if kind in _OWNED else None


def _limit(row: Mapping[str, Any], known: Mapping[UUID, str], waiting: int) -> Limit:
    kind, _, name = row["name"].partition(":")
    owner = _owner(row["name"])
    tenant = None if owner is None else known.get(owner, "")
    if owner is not None:
        name = tenant if kind == TENANT else name.partition("/")[2]
    rate = None
    if row["per_second"] is not None:
        rate = Rate(per_second=row["per_second"], burst=row["burst"], reserve=row["reserve"])
    return Limit(
        kind=kind,
        name=name,
        tenant=tenant,
        rate=rate,
        set_by=row["set_by"],
        paused_until=row["paused_until"],
        reason=row["reason"],
        waiting=Count(min(waiting, COUNT_LIMIT), at_least=waiting > COUNT_LIMIT),
    )
