"""Devices of recipients over HTTP: their tokens come in the body, and are never shown whole."""

from __future__ import annotations

from typing import Any

from clarion.api import faults
from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.devices import DeviceFields, DeviceReply, DevicesReply
from clarion.api.services import Services
from clarion.channels.kinds import find_kind
from clarion.domain.device import Device, shorten
from clarion.domain.scope import Scope
from clarion.errors import Fault, Invalid, NotFound
from clarion.store import devices


async def list_all(services: Services, call: Call[None]) -> Answer:
    """All of them: they are few."""
    async with services.connection() as connection:
        found = await devices.list_(connection, call.tenant_id, call.path["id"])
    if found is None:
        raise _nobody(call)
    return Answer(content={"items": [_shown(one) for one in found]})


async def get(services: Services, call: Call[None]) -> Answer:
    """The device."""
    async with services.connection() as connection:
        found = await devices.get(connection, call.tenant_id, call.path["id"], call.path["device"])
    if found is None:
        raise _unknown(call)
    return Answer(content=_shown(found))


async def put(services: Services, call: Call[DeviceFields]) -> Answer:
    """Register it, with the token that it has now; the same again says that it is still there."""
    given = call.input
    token = _token(services, given)
    async with services.transaction() as connection:
        done = await devices.put(
            connection,
            call.tenant_id,
            call.path["id"],
            call.path["device"],
            provider=given.provider,
            token=token,
            platform=given.platform,
        )
        if done is None:
            raise _nobody(call)
    device, created = done
    return Answer(content=_shown(device), status=201 if created else 200)


async def delete(services: Services, call: Call[None]) -> Answer:
    """Forget it: as when somebody signs out."""
    async with services.transaction() as connection:
        if not await devices.delete(connection, call.tenant_id, call.path["id"], call.path["device"]):
            raise _unknown(call)
    return Answer()


def _token(services: Services, given: DeviceFields) -> str:
    """The token in its usual form. Raises `Invalid` for one that cannot be of its provider."""
    kind = find_kind(given.provider)
    assert kind is not None
    try:
        return kind.read_token(given.token, [account for account in services.accounts if account.kind is kind])
    except Invalid as error:
        raise faults.invalid([Fault("/token", error.message, error.code)]) from None


def _shown(device: Device) -> dict[str, object]:
    return {
        "id": device.id,
        "provider": device.provider,
        "platform": device.platform,
        "token": shorten(device.token),
        "created_at": device.created_at,
        "seen_at": device.seen_at,
        "disabled_at": device.disabled_at,
        "disabled_reason": device.disabled_reason,
    }


def _nobody(call: Call[Any]) -> NotFound:
    return NotFound(f"there is no recipient {call.path['id']}")


def _unknown(call: Call[Any]) -> NotFound:
    return NotFound(f"{call.path['id']} has no device {call.path['device']}")


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listDevices",
        method="GET",
        path="/v1/recipients/{id}/devices",
        summary="List a recipient's devices",
        scope=Scope.RECIPIENTS_READ,
        run=list_all,
        answers={200: DevicesReply},
    ),
    Operation(
        id="getDevice",
        method="GET",
        path="/v1/recipients/{id}/devices/{device}",
        summary="Show a recipient's device",
        scope=Scope.RECIPIENTS_READ,
        run=get,
        answers={200: DeviceReply},
    ),
    Operation(
        id="putDevice",
        method="PUT",
        path="/v1/recipients/{id}/devices/{device}",
        summary="Register a recipient's device, or its new token",
        scope=Scope.RECIPIENTS_WRITE,
        run=put,
        input=DeviceFields,
        answers={200: DeviceReply, 201: DeviceReply},
    ),
    Operation(
        id="deleteDevice",
        method="DELETE",
        path="/v1/recipients/{id}/devices/{device}",
        summary="Forget a recipient's device",
        scope=Scope.RECIPIENTS_WRITE,
        run=delete,
        answers={204: None},
    ),
)
