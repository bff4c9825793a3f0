"""Accounts at providers over HTTP. They are the installation's: their state is everybody's, and no setting is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.providers import ProviderReply, ProvidersReply
from clarion.api.services import Services
from clarion.channels.account import Account
from clarion.domain.scope import Scope
from clarion.domain.suggest import did_you_mean
from clarion.errors import NotFound
from clarion.flows import providers
from clarion.flows.providers import Standing
from clarion.store.database import Connection


async def list_all(services: Services, call: Call[None]) -> Answer:
    """All of them, by name."""
    async with services.connection() as connection:
        found = await providers.standings(connection, services.accounts)
    return Answer(content={"items": [_shown(one) for one in found]})


async def get(services: Services, call: Call[None]) -> Answer:
    """One of them, now."""
    account = find(services, call)
    async with services.connection() as connection:
        return await _answer(connection, account)


async def pause(services: Services, call: Call[None]) -> Answer:
    """Send nothing through it."""
    return await _control(services, call, providers.pause)


async def resume(services: Services, call: Call[None]) -> Answer:
    """Use it again, whatever is known of it."""
    return await _control(services, call, providers.resume)


async def _control(
    services: Services, call: Call[None], move: Callable[[Connection, Account], Awaitable[None]]
) -> Answer:
    account = find(services, call)
    async with services.connection() as connection:
        await move(connection, account)
        answer = await _answer(connection, account)
    services.wake(account.kind.channel)
    return answer


async def _answer(connection: Connection, account: Account) -> Answer:
    (found,) = await providers.standings(connection, [account])
    return Answer(content=_shown(found))


def find(services: Services, call: Call[Any]) -> Account:
    """The account that the path names. Raises `NotFound`."""
    name, by_name = call.path["name"], {account.name: account for account in services.accounts}
    if name not in by_name:
        hint = did_you_mean(name, by_name) if by_name else "there are none in the settings"
        raise NotFound(f"there is no account at a provider called {name}: {hint}")
    return by_name[name]


def _shown(one: Standing) -> dict[str, object]:
    account = one.account
    return {
        "name": account.name,
        "href": f"/v1/providers/{account.name}",
        "kind": account.kind.name,
        "channel": account.kind.channel,
        "state": one.condition.value,
        "reason": one.reason,
        "since": one.since,
        "again_in_s": one.again_in.total_seconds() if one.again_in is not None else None,
        "domains_parked": one.parked,
        "domains_slowed": one.slowed,
        "moved_points": round(one.moved.points, 1) if one.moved is not None else None,
        "moved_reason": one.moved.reason if one.moved is not None else None,
    }


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listProviders",
        method="GET",
        path="/v1/providers",
        summary="List accounts at providers and how they stand",
        scope=Scope.QUEUES_READ,
        run=list_all,
        answers={200: ProvidersReply},
    ),
    Operation(
        id="getProvider",
        method="GET",
        path="/v1/providers/{name}",
        summary="Show how an account at a provider stands",
        scope=Scope.QUEUES_READ,
        run=get,
        answers={200: ProviderReply},
    ),
    Operation(
        id="pauseProvider",
        method="POST",
        path="/v1/providers/{name}/pause",
        summary="Send nothing through an account",
        scope=Scope.SYSTEM_WRITE,
        run=pause,
        answers={200: ProviderReply},
    ),
    Operation(
        id="resumeProvider",
        method="POST",
        path="/v1/providers/{name}/resume",
        summary="Use an account again, and close its breaker",
        scope=Scope.SYSTEM_WRITE,
        run=resume,
        answers={200: ProviderReply},
    ),
)
