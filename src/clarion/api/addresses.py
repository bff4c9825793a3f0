"""Addresses of recipients over HTTP. They come in bodies: in paths, which stand in logs, they have ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from clarion.api import faults
from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.addresses import AddressChange, AddressesReply, AddressReply, NewAddress
from clarion.api.services import Services
from clarion.domain import contact
from clarion.domain.contact import Change, Contact
from clarion.domain.scope import Scope
from clarion.errors import Fault, Invalid, NotFound
from clarion.store import contacts


async def list_all(services: Services, call: Call[None]) -> Answer:
    """All of them: they are few."""
    async with services.connection() as connection:
        found = await contacts.list_(connection, call.tenant_id, call.path["id"])
    if found is None:
        raise _nobody(call)
    return Answer(content={"items": [_shown(one) for one in found]})


async def add(services: Services, call: Call[NewAddress]) -> Answer:
    """Add it, or say that it is still there."""
    given = call.input
    try:
        channel, address = contact.parse(given.address)
    except Invalid as error:
        raise faults.invalid([Fault("/address", error.message, error.code)]) from None
    change = Change(verified=given.verified, preferred=given.preferred, seen=True)
    created = False

    def rule(before: Sequence[Contact], now: datetime) -> list[Contact]:
        nonlocal created
        new = contact.new(channel, address, now)
        created = all(one.key != new.key for one in before)
        return contact.changed(before, new, change, now)

    async with services.transaction() as connection:
        after = await contacts.change(connection, call.tenant_id, call.path["id"], rule)
        if after is None:
            raise _nobody(call)
    mailbox = contact.mailbox_of(channel, address)
    one = next(one for one in after if (one.channel, one.mailbox) == (channel, mailbox))
    return Answer(content=_shown(one), status=201 if created else 200)


async def change(services: Services, call: Call[AddressChange]) -> Answer:
    """Say something of it."""
    given, key = call.input, call.path["address"]
    said = Change(verified=given.verified, preferred=given.preferred, quarantine=given.quarantine)

    def rule(before: Sequence[Contact], now: datetime) -> list[Contact] | None:
        one = next((one for one in before if one.key == key), None)
        return None if one is None else contact.changed(before, one, said, now)

    async with services.transaction() as connection:
        after = await contacts.change(connection, call.tenant_id, call.path["id"], rule)
    if after is None:
        raise _unknown(call)
    return Answer(content=_shown(next(one for one in after if one.key == key)))


async def delete(services: Services, call: Call[None]) -> Answer:
    """Forget it; where it was the preferred one, the next is."""
    async with services.transaction() as connection:
        after = await contacts.change(
            connection, call.tenant_id, call.path["id"], partial(_without, call.path["address"])
        )
    if after is None:
        raise _unknown(call)
    return Answer()


def _without(key: str, before: Sequence[Contact], _: datetime) -> list[Contact] | None:
    return contact.removed(before, key)


def _shown(one: Contact) -> dict[str, object]:
    return {
        "id": one.key,
        "channel": one.channel,
        "address": one.address,
        "preferred": one.preferred,
        "verified_at": one.verified_at,
        "created_at": one.created_at,
        "seen_at": one.seen_at,
        "quarantined_at": one.quarantined_at,
        "quarantine_reason": one.quarantine_reason,
    }


def _nobody(call: Call[Any]) -> NotFound:
    return NotFound(f"there is no recipient {call.path['id']}")


def _unknown(call: Call[Any]) -> NotFound:
    return NotFound(f"{call.path['id']} has no address {call.path['address']}")


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listAddresses",
        method="GET",
        path="/v1/recipients/{id}/addresses",
        summary="List a recipient's addresses",
        scope=Scope.RECIPIENTS_READ,
        run=list_all,
        answers={200: AddressesReply},
    ),
    Operation(
        id="addAddress",
        method="POST",
        path="/v1/recipients/{id}/addresses",
        summary="Add an address to a recipient, or say that it is still there",
        scope=Scope.RECIPIENTS_WRITE,
        run=add,
        input=NewAddress,
        answers={200: AddressReply, 201: AddressReply},
    ),
    Operation(
        id="changeAddress",
        method="PUT",
        path="/v1/recipients/{id}/addresses/{address}",
        summary="Verify or prefer an address, or set it aside",
        scope=Scope.RECIPIENTS_WRITE,
        run=change,
        input=AddressChange,
        answers={200: AddressReply},
    ),
    Operation(
        id="deleteAddress",
        method="DELETE",
        path="/v1/recipients/{id}/addresses/{address}",
        summary="Forget a recipient's address",
        scope=Scope.RECIPIENTS_WRITE,
        run=delete,
        answers={204: None},
    ),
)
