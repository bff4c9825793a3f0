"""Quotas of tenants over HTTP: how much may wait, and how many recipients a day."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from clarion.api import allowance
from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.quotas import QuotaBody, QuotaReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.domain.suggest import did_you_mean
from clarion.errors import NotFound
from clarion.store import quotas, tenants
from clarion.store.database import Connection
from clarion.store.quotas import Quota

_NONE = Quota(max_waiting=None, recipients_a_day=None)


async def get(services: Services, call: Call[None]) -> Answer:
    """The quota, and how much of it is used."""
    async with services.connection() as connection:
        tenant_id = await _tenant(connection, call)
        quota = (await quotas.all_(connection)).get(tenant_id, _NONE)
    return await _answer(services, call, tenant_id, quota)


async def put(services: Services, call: Call[QuotaBody]) -> Answer:
    """Set it: what the body leaves out is not bounded."""
    quota = Quota(max_waiting=call.input.max_waiting, recipients_a_day=call.input.recipients_a_day)
    async with services.connection() as connection:
        tenant_id = await _tenant(connection, call)
        await quotas.put(connection, tenant_id, quota)
    services.allowance.forget()
    return await _answer(services, call, tenant_id, quota)


async def lift(services: Services, call: Call[None]) -> Answer:
    """No bounds any more."""
    async with services.connection() as connection:
        await quotas.lift(connection, await _tenant(connection, call))
    services.allowance.forget()
    return Answer()


async def _answer(services: Services, call: Call[Any], tenant_id: UUID, quota: Quota) -> Answer:
    waiting, today = await allowance.usage(services.pool, tenant_id)
    return Answer(
        content={
            "tenant": call.path["name"],
            "max_waiting": quota.max_waiting,
            "recipients_a_day": quota.recipients_a_day,
            "waiting": waiting,
            "recipients_today": today,
        }
    )


async def _tenant(connection: Connection, call: Call[Any]) -> UUID:
    name = call.path["name"]
    found = await tenants.find(connection, name)
    if found is None:
        known = [tenant.name for tenant in await tenants.list_all(connection)]
        raise NotFound(f"there is no tenant {name}: {did_you_mean(name, known)}")
    return found.id


_PATH = "/v1/tenants/{name}/quota"

OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="getTenantQuota",
        method="GET",
        path=_PATH,
        summary="Show how much a tenant may have waiting and reach a day, and how much that is now",
        scope=Scope.SYSTEM_WRITE,
        run=get,
        answers={200: QuotaReply},
    ),
    Operation(
        id="setTenantQuota",
        method="PUT",
        path=_PATH,
        summary="Bound how much a tenant may have waiting and reach a day",
        scope=Scope.SYSTEM_WRITE,
        run=put,
        input=QuotaBody,
        answers={200: QuotaReply},
    ),
    Operation(
        id="liftTenantQuota",
        method="DELETE",
        path=_PATH,
        summary="Lift the quota of a tenant",
        scope=Scope.SYSTEM_WRITE,
        run=lift,
        answers={204: None},
    ),
)
