"""Limits of queues and providers: what settings say, and what an operator sets while all runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from clarion.domain.rate import Rate
from clarion.domain.workflow import Channel
from clarion.queue import limits
from clarion.queue.limits import SetBy
from clarion.store.database import Pool

#: What carries each channel, whose limit all jobs of the channel's queue keep to as well. Text and push messages go
#: through one account each: its limit has the channel's name, whichever account that is; its pauses have its own.
_PROVIDERS: Final = {Channel.EMAIL.value: "smtp", Channel.SMS.value: "sms", Channel.PUSH.value: "push"}

log = structlog.get_logger()


def queue_pace(queue: str) -> str:
    """The name of the limit that all jobs of *queue* share."""
    return f"queue:{queue}"


def provider_pace(provider: str) -> str:
    """The name under which all workers share the limit and the pauses of a provider."""
    return f"provider:{provider}"


def paces_of(queue: str) -> Sequence[str]:
    """The names of all limits that every job of *queue* keeps to."""
    own = queue_pace(queue)
    return (own, provider_pace(_PROVIDERS[queue])) if queue in _PROVIDERS else (own,)


async def set_rates(pool: Pool, rates: Mapping[str, Rate]) -> None:
    """Make *rates*, by name, the limits that settings set: what they set before and do no more is free again."""
    async with pool.acquire() as connection, connection.transaction():
        for name in sorted(await limits.of(connection, SetBy.SETTINGS) - rates.keys()):
            await limits.free(connection, name)
        for name, rate in sorted(rates.items()):
            await limits.define(connection, name, rate.per_second, rate.burst, set_by=SetBy.SETTINGS)
    if rates:
        log.info("rate.set", rates={name: str(rate) for name, rate in rates.items()})
