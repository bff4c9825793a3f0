"""Limits over HTTP: all there are, with what waits for them.

Those of tenants, categories and accounts are set here, those of queues with the queue; a workflow says its own in its
file.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from clarion.api.named_tenant import named_tenant
from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.queues import QueueRate
from clarion.api.schema.rates import LimitReply, LimitsReply
from clarion.api.services import Services
from clarion.domain.rate import parse_rate, show_rate
from clarion.domain.scope import Scope
from clarion.domain.suggest import did_you_mean
from clarion.domain.workflow import Channel
from clarion.errors import Invalid, NotFound
from clarion.flows.limit_list import Limit, list_limits
from clarion.flows.queues import NAMES
from clarion.flows.rates import CATEGORY, PROVIDER, TENANT, category_pace, destination_pace, provider_pace, tenant_pace
from clarion.project.name import checked_name
from clarion.queue import destinations, limits
from clarion.store.database import Connection

#: Finds the limit that a path means: what the list calls it, and the name under which workers share it. Raises
#: `NotFound` or `Invalid` with what was meant.
Find = Callable[[Services, Connection, str], Awaitable[tuple[str, str]]]


async def list_all(services: Services, call: Call[None]) -> Answer:
    """All that the tenant may see, by kind and name; with the scope ``system:write`` those of other tenants too."""
    owner = None if call.may(Scope.SYSTEM_WRITE) else call.tenant_id
    async with services.connection() as connection:
        found = await list_limits(connection, services.carriers, tenant_id=owner)
    return Answer(content={"items": [_shown(limit) for limit in found]})


async def set_rate(services: Services, call: Call[QueueRate], *, find: Find) -> Answer:
    """Set it by hand: it stands, whatever settings say, until it is lifted."""
    rate = parse_rate(call.input.rate)
    async with services.connection() as connection:
        called, name = await find(services, connection, call.path["name"])
        burst = call.input.burst or rate.burst
        await limits.define(connection, name, rate.per_second, burst, reserve=rate.reserve)
        found = await list_limits(connection, services.carriers, tenant_id=None, only=name)
    return Answer(content=next(_shown(limit) for limit in found if limit.name == called))


async def lift_rate(services: Services, call: Call[None], *, find: Find) -> Answer:
    """No limit any more, if there was one; what settings say counts again when a worker starts."""
    async with services.connection() as connection:
        _, name = await find(services, connection, call.path["name"])
        await limits.free(connection, name)
    for queue in NAMES:
        services.wake(queue)
    return Answer()


async def forget_domain(services: Services, call: Call[None]) -> Answer:
    """Whatever a domain answered through an account is forgotten: it gets as much mail as there is."""
    domain = call.path["domain"].lower()
    async with services.connection() as connection:
        label, _ = await _account(services, connection, call.path["name"])
        if not await destinations.lift(connection, destination_pace(label, domain)):
            raise NotFound(f"the domain {domain} has not asked {call.path['name']} for patience")
    services.wake(Channel.EMAIL.value)
    return Answer()


async def _tenant(_: Services, connection: Connection, name: str) -> tuple[str, str]:
    return name, tenant_pace(await named_tenant(connection, name))


async def _category(_: Services, connection: Connection, name: str) -> tuple[str, str]:
    try:
        return name, category_pace(checked_name(name))
    except ValueError as error:
        raise Invalid(str(error), code="invalid_id") from None


async def _account(services: Services, connection: Connection, name: str) -> tuple[str, str]:
    """By its name in the settings; the list shows its kind as well."""
    labels = {label.rpartition(":")[2]: label for some in services.carriers.values() for label in some}
    if name not in labels:
        meant = did_you_mean(name, labels) if labels else "no account carries messages"
        raise NotFound(f"there is no account {name}: {meant}")
    return labels[name], provider_pace(labels[name])


def _shown(limit: Limit) -> dict[str, object]:
    return {
        "limit": f"{limit.kind}:{limit.name}",
        "kind": limit.kind,
        "name": limit.name,
        "tenant": limit.tenant,
        "rate": None if limit.rate is None else show_rate(limit.rate.per_second),
        "burst": 1 if limit.rate is None else limit.rate.burst,
        "reserve": 0.0 if limit.rate is None else limit.rate.reserve,
        "set_by": limit.set_by,
        "paused_until": limit.paused_until,
        "reason": limit.reason,
        "waiting": limit.waiting.value,
        "capped": limit.waiting.at_least,
    }


def _set(kind: str, path: str, find: Find, what: str) -> tuple[Operation[Any], Operation[Any]]:
    return (
        Operation(
            id=f"set{kind.capitalize()}Rate",
            method="PUT",
            path=f"/v1/{path}/{{name}}/rate",
            summary=f"Limit how fast {what} are sent",
            scope=Scope.SYSTEM_WRITE,
            run=partial(set_rate, find=find),
            input=QueueRate,
            answers={200: LimitReply},
        ),
        Operation(
            id=f"lift{kind.capitalize()}Rate",
            method="DELETE",
            path=f"/v1/{path}/{{name}}/rate",
            summary=f"Lift the limit of {what}",
            scope=Scope.SYSTEM_WRITE,
            run=partial(lift_rate, find=find),
            answers={204: None},
        ),
    )


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listLimits",
        method="GET",
        path="/v1/limits",
        summary="List limits, and what waits for them",
        scope=Scope.QUEUES_READ,
        run=list_all,
        answers={200: LimitsReply},
    ),
    Operation(
        id="forgetDomain",
        method="DELETE",
        path="/v1/providers/{name}/domains/{domain}",
        summary="Forget that a domain asked an account for patience",
        scope=Scope.SYSTEM_WRITE,
        run=forget_domain,
        answers={204: None},
    ),
    *_set(TENANT, "tenants", _tenant, "the messages of a tenant"),
    *_set(CATEGORY, "categories", _category, "the messages of a category"),
    *_set(PROVIDER, "providers", _account, "messages through an account"),
)
