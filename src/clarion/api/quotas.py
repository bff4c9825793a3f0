"""Quotas of tenants over HTTP: how much may wait, and how many recipients a day."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from clarion.api import allowance
from clarion.api.named_tenant import named_tenant
from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.quotas import QuotaBody, QuotaReply
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.store import quotas
from clarion.store.quotas import Quota

_NONE = Quota(max_waiting=None, recipients_a_day=None)


async def get(services: Services, call: Call[None]) -> Answer:
    """The quota, and how much of it is used."""
    async with services.connection() as connection:
        tenant_id = await named_tenant(connection, call.path["name"])
        quota = (await quotas.all_(connection)).get(tenant_id, _NONE)
    return await _answer(services, call, tenant_id, quota)


async def put(services: Services, call: Call[QuotaBody]) -> Answer:
    """Set it: what the body leaves out is not bounded."""
    quota = Quota(max_waiting=call.input.max_waiting, recipients_a_day=call.input.recipients_a_day)
    async with services.connection() as connection:
        tenant_id = await named_tenant(connection, call.path["name"])
        await quotas.put(connection, tenant_id, quota)
    services.allowance.forget()
    return await _answer(services, call, tenant_id, quota)


async def lift(services: Services, call: Call[None]) -> Answer:
    """No bounds any more."""
    async with services.connection() as connection:
        await quotas.lift(connection, await named_tenant(connection, call.path["name"]))
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
