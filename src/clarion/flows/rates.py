"""The names of limits, and what settings say of them.

A job falls under the limit of its queue (`queue_pace`); under that of the account which carries the messages of the
queue (`provider_pace`), or that of all of them where there are several (`channel_pace`); and under those that it names
itself: of its workflow (`rows.pace_of`), its category and its tenant (`flows.marks`), and of the domain or the webhook
that it is for (`flows.destinations`, `flows.endpoints`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import structlog

from clarion import ids
from clarion.domain.rate import Rate
from clarion.domain.suggest import did_you_mean
from clarion.queue import limits
from clarion.queue.limits import SetBy
from clarion.store import tenants as tenants_store
from clarion.store.database import Connection, Pool
from clarion.store.webhooks import Which

QUEUE: Final = "queue"
PROVIDER: Final = "provider"
CHANNEL: Final = "channel"
WORKFLOW: Final = "workflow"
TENANT: Final = "tenant"
CATEGORY: Final = "category"
#: A domain that mail goes to, whatever carries it; and one as seen through one account.
DOMAIN: Final = "domain"
DESTINATION: Final = "destination"
#: A webhook of a recipient.
WEBHOOK: Final = "webhook"

#: By queue: the labels of the accounts that carry its messages.
Carriers = Mapping[str, Sequence[str]]

log = structlog.get_logger()


def queue_pace(queue: str) -> str:
    """The name of the limit that all jobs of *queue* share."""
    return f"{QUEUE}:{queue}"


def provider_pace(provider: str) -> str:
    """The name under which all workers share the limit and the pauses of a provider."""
    return f"{PROVIDER}:{provider}"


def channel_pace(channel: str) -> str:
    """The name of the limit that the accounts of a channel share, where several carry it."""
    return f"{CHANNEL}:{channel}"


def tenant_pace(tenant_id: UUID) -> str:
    """The name of the limit that all messages of a tenant share."""
    return f"{TENANT}:{tenant_id}"


def category_pace(category: str) -> str:
    """The name of the limit that all messages of a category share, whosever they are."""
    return f"{CATEGORY}:{category}"


def domain_pace(domain: str) -> str:
    """The name of the limit that all mails to a domain share."""
    return f"{DOMAIN}:{domain}"


def destination_pace(provider: str, domain: str) -> str:
    """The name of the limit of the mails that a provider hands to a domain which asked for patience."""
    return f"{DESTINATION}:{provider}/{domain}"


def webhook_pace(which: Which) -> str:
    """The name of the limit of what is posted to a webhook that hangs, or gets less done than comes."""
    return f"{WEBHOOK}:{which.tenant_id}/{ids.show(ids.Prefix.WEBHOOK, which.id)}"


def account_of(destination: str) -> str:
    """The provider in the name of a limit that `destination_pace` gave."""
    return destination.partition(":")[2].rpartition("/")[0]


def paces_of(queue: str, carriers: Carriers) -> Sequence[str]:
    """The names of all limits that every job of *queue* keeps to.

    Where several accounts carry its messages it is not known yet by which one a job goes: all of them have a limit
    together then, and the one that is chosen keeps to its own (`flows.parting`).
    """
    labels = carriers.get(queue, ())
    carried = provider_pace(labels[0]) if len(labels) == 1 else channel_pace(queue)
    return (queue_pace(queue), carried) if labels else (queue_pace(queue),)


async def set_rates(pool: Pool, rates: Mapping[str, Rate], *, tenants: Mapping[str, Rate] | None = None) -> None:
    """Make *rates*, by name, the limits that settings set: what they set before and do no more is free again.

    Those of *tenants* by the tenants' names. One that is not there is told in the log: its limit counts from the next
    start of a worker after it is made.
    """
    async with pool.acquire() as connection, connection.transaction():
        if tenants:
            rates = {**rates, **await _of_tenants(connection, tenants)}
        for name in sorted(await limits.of(connection, SetBy.SETTINGS) - rates.keys()):
            await limits.free(connection, name)
        for name, rate in sorted(rates.items()):
            await limits.define(
                connection, name, rate.per_second, rate.burst, reserve=rate.reserve, set_by=SetBy.SETTINGS
            )
    if rates:
        log.info("rate.set", rates={name: str(rate) for name, rate in rates.items()})


async def _of_tenants(connection: Connection, wanted: Mapping[str, Rate]) -> dict[str, Rate]:
    known = {tenant.name: tenant.id for tenant in await tenants_store.list_all(connection)}
    for name in sorted(wanted.keys() - known.keys()):
        log.warning("rate.unknown_tenant", tenant=name, hint=did_you_mean(name, known))
    return {tenant_pace(known[name]): rate for name, rate in wanted.items() if name in known}
