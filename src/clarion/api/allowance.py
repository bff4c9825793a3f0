"""Whether a tenant may trigger more: by what waits for it, and by how many it has reached today.

Both are sums over what is stored anyway, looked at once a second and only for tenants that have a quota; in between
what this process lets in is added. So nobody else pays anything, and a tenant may get past its bound by what all API
processes let in within about a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from clarion import clock, ids
from clarion.api.problem import Refusal
from clarion.domain.workflow import Channel
from clarion.flows import expand
from clarion.queue.job import lane_of
from clarion.store import quotas
from clarion.store.database import Pool
from clarion.store.quotas import Quota

#: The queues that messages, and recipients to whom none is written yet, wait in.
_QUEUES: Final = (expand.QUEUE, *(channel.value for channel in Channel))
#: How often it is looked which tenants have a quota, and how much of one is used.
_QUOTAS_S: Final = 5.0
_USED_S: Final = 1.0
#: What waits becomes less by and by.
_RETRY_S: Final = 10
#: A trigger may be committed so long after its id was made; older ones are not summed again.
_LATE: Final = timedelta(minutes=1)
_DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class _Used:
    """What is known of one tenant."""

    at: float = -math.inf
    waiting: int = 0
    today: int = 0
    #: Of what day `settled` recipients are known, by triggers before `until`.
    midnight: datetime | None = None
    settled: int = 0
    until: UUID | None = None


class Allowance:
    """What one API process knows of quotas."""

    def __init__(self) -> None:
        self._quotas: dict[UUID, Quota] = {}
        self._read_at = -math.inf
        self._used: dict[UUID, _Used] = {}

    def forget(self) -> None:
        """Look again which quotas there are: one was changed here."""
        self._read_at = -math.inf

    async def refusal(self, pool: Pool, tenant_id: UUID, count: int, topics: Sequence[str]) -> Refusal | None:
        """What is said to a tenant that names *count* recipients and the members of *topics*; None: it is let in."""
        now = clock.monotonic()
        if now - self._read_at > _QUOTAS_S:
            self._read_at = now  # before it is known: of many at once, one asks
            async with pool.acquire() as connection:
                self._quotas = await quotas.all_(connection)
            self._used = {id: used for id, used in self._used.items() if id in self._quotas}
        quota = self._quotas.get(tenant_id)
        return None if quota is None else await self._judge(pool, tenant_id, quota, count, topics)

    async def _judge(
        self, pool: Pool, tenant_id: UUID, quota: Quota, count: int, topics: Sequence[str]
    ) -> Refusal | None:
        used = self._used.setdefault(tenant_id, _Used())
        if topics:
            async with pool.acquire() as connection:
                count += await quotas.members(connection, tenant_id, topics)
        if clock.monotonic() - used.at > _USED_S:
            used.at = clock.monotonic()
            await _look(pool, tenant_id, quota, used)
        if quota.max_waiting is not None and used.waiting >= quota.max_waiting:
            return _too_much_waits(quota.max_waiting)
        if quota.recipients_a_day is not None and used.today + count > quota.recipients_a_day:
            return _enough_today(quota.recipients_a_day, used.today, count)
        used.waiting += count
        used.today += count
        return None


async def usage(pool: Pool, tenant_id: UUID) -> tuple[int, int]:
    """How much of the tenant waits, and how many recipients its triggers of today name."""
    used = _Used()
    await _look(pool, tenant_id, Quota(max_waiting=0, recipients_a_day=0), used)
    return used.waiting, used.today


async def _look(pool: Pool, tenant_id: UUID, quota: Quota, used: _Used) -> None:
    midnight = _midnight()
    async with pool.acquire() as connection:
        if quota.max_waiting is not None:
            used.waiting = await quotas.waiting(connection, tenant_id, lane=lane_of(tenant_id), queues=_QUEUES)
        if quota.recipients_a_day is not None:
            since = used.until
            if since is None or used.midnight != midnight:
                used.midnight, used.settled, since = midnight, 0, ids.first_at(midnight)
            until = max(since, ids.first_at(clock.now() - _LATE))
            found, settled = await quotas.reached(connection, tenant_id, since, until)
            used.today = used.settled + found
            used.settled, used.until = used.settled + settled, until


def _midnight() -> datetime:
    return clock.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _too_much_waits(most: int) -> Refusal:
    headers = {
        "Retry-After": str(_RETRY_S),
        "RateLimit-Policy": f'"waiting";q={most};qu="messages"',
        "RateLimit": '"waiting";r=0',
    }
    text = f"{most} messages of yours wait, as many as may: send this again when some have gone"
    return Refusal(429, "too_much_waiting", text, headers=headers)


def _enough_today(most: int, today: int, count: int) -> Refusal:
    left = max(0, most - today)
    wait = max(1, math.ceil((_midnight() + _DAY - clock.now()).total_seconds()))
    headers = {
        "Retry-After": str(wait),
        "RateLimit-Policy": f'"recipients";q={most};w={int(_DAY.total_seconds())}',
        "RateLimit": f'"recipients";r={left};t={wait}',
    }
    text = f"this names {count} recipients, and {left} of {most} are left today (UTC): name fewer, or send it tomorrow"
    return Refusal(429, "daily_quota", text, headers=headers)
