"""Suppressions over HTTP: addresses that are not written to any more."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from clarion import clock, ids
from clarion.api import faults
from clarion.api.operation import Answer, Call, Operation, page, position
from clarion.api.schema.suppressions import (
    AddedSuppressions,
    AddSuppressions,
    NewSuppressionBody,
    SuppressionReply,
    SuppressionsQuestion,
    SuppressionsReply,
)
from clarion.api.services import Services
from clarion.domain.scope import Scope
from clarion.domain.suppression import EVERY, Reason, channel_of, mailbox_of, parse_address
from clarion.errors import Fault, Invalid, NotFound
from clarion.ids import Prefix
from clarion.store import suppressions
from clarion.store.suppressions import NewSuppression, Row, Stored

_ITEM: TypeAdapter[NewSuppressionBody] = TypeAdapter(NewSuppressionBody)


async def list_all(services: Services, call: Call[SuppressionsQuestion]) -> Answer:
    """A page of those that hold, newest first."""
    asked = call.input
    before = position(services, call, asked.after)
    async with services.connection() as connection:
        rows = await suppressions.list_(
            connection,
            call.tenant_id,
            before=UUID(hex=before) if before is not None else None,
            limit=asked.limit + 1,
            channel=asked.channel,
            reason=asked.reason,
            category=asked.category,
            mailbox=None if asked.address is None else _mailbox(asked.channel, asked.address),
        )
    items: list[object] = [_shown(row) for row in rows[: asked.limit]]
    return page(services, call, items, rows[asked.limit - 1]["id"].hex if len(rows) > asked.limit else None)


async def get(services: Services, call: Call[None]) -> Answer:
    """The suppression."""
    async with services.connection() as connection:
        row = await suppressions.get(connection, call.tenant_id, _id(call))
    if row is None:
        raise _unknown(call)
    return Answer(content=_shown(row))


async def add(services: Services, call: Call[AddSuppressions]) -> Answer:
    """Suppress the good ones, all in one transaction, and say of each what became of it."""
    judged = _judge(call.tenant_id, call.input.suppressions)
    good = [one for one in judged if isinstance(one, NewSuppression)]
    stored: dict[tuple[str, str, str, str], Stored] = {}
    if good:
        async with services.transaction() as connection:
            stored = await suppressions.put(connection, good)
    created = sum(one.created for one in stored.values())
    return Answer(
        content={
            "results": [
                _result(given, one, stored) for given, one in zip(call.input.suppressions, judged, strict=True)
            ],
            "created": created,
            "updated": len(stored) - created,
            "invalid": len(judged) - len(good),
        }
    )


async def delete(services: Services, call: Call[None]) -> Answer:
    """Lift it: the address may be written to again, unless another suppression stops that."""
    async with services.transaction() as connection:
        if not await suppressions.delete(connection, call.tenant_id, _id(call)):
            raise _unknown(call)
    return Answer()


def _judge(tenant_id: UUID, given: list[Any]) -> list[NewSuppression | Invalid]:
    """A suppression, or what is wrong with it, for each item. Of two that say the same the first counts."""
    first: dict[tuple[str, str, str, str], int] = {}
    judged: list[NewSuppression | Invalid] = []
    for index, item in enumerate(given):
        at = f"/suppressions/{index}"
        try:
            new = _read(tenant_id, item, at)
        except Invalid as error:
            judged.append(error)
            continue
        earlier = first.setdefault(new.key, index)
        if earlier != index:
            text = f"/suppressions/{earlier} says the same of this address; that one was taken"
            judged.append(faults.invalid([Fault(at, text, "duplicate_id")]))
        else:
            judged.append(new)
    return judged


def _read(tenant_id: UUID, item: object, at: str) -> NewSuppression:
    """What one *item* says; raises `Invalid` that names every fault."""
    read = faults.read(_ITEM, item, at=at)
    channel = read.channel or channel_of(read.address)
    found: list[Fault] = []
    address = read.address
    try:
        address = parse_address(channel, read.address)
    except Invalid as error:
        found.append(Fault(f"{at}/address", error.message, error.code))
    if read.expires_at is not None and read.expires_at <= clock.now():
        found.append(Fault(f"{at}/expires_at", "this time is past: give a later one, or none", "out_of_range"))
    if found:
        raise faults.invalid(found)
    return NewSuppression(
        tenant_id=tenant_id,
        channel=channel,
        address=address,
        category=read.category or EVERY,
        reason=Reason(read.reason),
        detail=read.detail,
        expires_at=read.expires_at,
    )


def _result(
    given: object, judged: NewSuppression | Invalid, stored: dict[tuple[str, str, str, str], Stored]
) -> dict[str, object]:
    if isinstance(judged, NewSuppression):
        one = stored[judged.key]
        status = "created" if one.created else "updated"
        return {"id": ids.show(Prefix.SUPPRESSION, one.id), "address": judged.address, "status": status}
    address = given.get("address") if isinstance(given, dict) else None
    return {
        "id": None,
        "address": address[:320] if isinstance(address, str) else None,
        "status": "invalid",
        "errors": [{"pointer": f.pointer, "detail": f.detail, "code": f.code} for f in judged.faults],
    }


def _shown(row: Row) -> dict[str, object]:
    id = ids.show(Prefix.SUPPRESSION, row["id"])
    return {
        "id": id,
        "href": f"/v1/suppressions/{id}",
        "channel": row["channel"],
        "address": row["address"],
        "category": row["category"] or None,
        "reason": row["reason"],
        "detail": row["detail"],
        "message": ids.show(Prefix.MESSAGE, row["message_id"]) if row["message_id"] else None,
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
    }


def _mailbox(channel: str | None, address: str) -> str:
    """What an *address* in a query means; raises `Invalid`."""
    channel = channel or channel_of(address)
    try:
        return mailbox_of(channel, parse_address(channel, address))
    except Invalid as error:
        raise faults.invalid([Fault("?address", error.message, error.code)]) from None


def _id(call: Call[Any]) -> UUID:
    return ids.parse(Prefix.SUPPRESSION, call.path["id"])


def _unknown(call: Call[Any]) -> NotFound:
    return NotFound(f"there is no suppression {call.path['id']}, or it has expired")


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="listSuppressions",
        method="GET",
        path="/v1/suppressions",
        summary="List addresses that are not written to, newest first",
        scope=Scope.SUPPRESSIONS_READ,
        run=list_all,
        input=SuppressionsQuestion,
        answers={200: SuppressionsReply},
    ),
    Operation(
        id="addSuppressions",
        method="POST",
        path="/v1/suppressions",
        summary="Suppress up to 1,000 addresses",
        scope=Scope.SUPPRESSIONS_WRITE,
        run=add,
        input=AddSuppressions,
        answers={200: AddedSuppressions},
    ),
    Operation(
        id="getSuppression",
        method="GET",
        path="/v1/suppressions/{id}",
        summary="Show a suppression",
        scope=Scope.SUPPRESSIONS_READ,
        run=get,
        answers={200: SuppressionReply},
    ),
    Operation(
        id="deleteSuppression",
        method="DELETE",
        path="/v1/suppressions/{id}",
        summary="Lift a suppression",
        scope=Scope.SUPPRESSIONS_WRITE,
        run=delete,
        answers={204: None},
    ),
)
