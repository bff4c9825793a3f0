"""Recipients over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from clarion.api import faults
from clarion.api.operation import Answer, Call, Operation
from clarion.api.schema.addresses import NewAddress
from clarion.api.schema.recipients import (
    BulkRecipient,
    BulkRecipients,
    BulkReply,
    PutRecipient,
    RecipientFields,
    RecipientReply,
)
from clarion.api.services import Services
from clarion.domain import contact
from clarion.domain.contact import Change, Contact
from clarion.domain.recipient import Recipient
from clarion.domain.scope import Scope
from clarion.errors import Fault, Invalid, NotFound
from clarion.store import contacts, recipients
from clarion.store.database import Connection
from clarion.store.recipients import StoredRecipient


async def get(services: Services, call: Call[None]) -> Answer:
    """The recipient."""
    id = call.path["id"]
    async with services.connection() as connection:
        stored = await recipients.get(connection, call.tenant_id, id)
    if stored is None:
        raise _unknown(id)
    return Answer(content=_shown(stored))


async def put(services: Services, call: Call[PutRecipient]) -> Answer:
    """Make the recipient be what the body says: what it leaves out is emptied."""
    id = call.path["id"]
    if call.input.id not in (None, id):
        text = f"the path is that of {id}: leave `id` out, or say the same; an id cannot be changed"
        raise faults.invalid([Fault("/id", text, "id_differs")])
    async with services.transaction() as connection:
        created = await recipients.put_many(connection, call.tenant_id, [_recipient(id, call.input)])
        stored = await recipients.get(connection, call.tenant_id, id)
    assert stored is not None
    return Answer(content=_shown(stored), status=201 if created else 200)


async def delete(services: Services, call: Call[None]) -> Answer:
    """Forget the recipient, with their memberships and feed."""
    id = call.path["id"]
    async with services.transaction() as connection:
        if not await recipients.delete(connection, call.tenant_id, id):
            raise _unknown(id)
    return Answer()


async def put_bulk(services: Services, call: Call[BulkRecipients]) -> Answer:
    """Store the good ones, all in one transaction, and say of each what became of it."""
    further: dict[str, list[NewAddress]] = {}
    judged = _judge(call.input.recipients, further)
    good = [one for one in judged if isinstance(one, Recipient)]
    created: set[str] = set()
    if good:
        async with services.transaction() as connection:
            created = await recipients.put_many(connection, call.tenant_id, good)
            await _add_addresses(connection, call.tenant_id, further)
    results = [_result(given, one, created) for given, one in zip(call.input.recipients, judged, strict=True)]
    return Answer(
        content={
            "results": results,
            "created": len(created),
            "updated": len(good) - len(created),
            "invalid": len(judged) - len(good),
        }
    )


def _judge(given: list[Any], further: dict[str, list[NewAddress]]) -> list[Recipient | Invalid]:
    """A recipient, or what is wrong with it, for each item; *further* are filled in by id. Of two with the same id the
    first counts.
    """
    adapter = TypeAdapter(BulkRecipient)
    first: dict[str, int] = {}
    judged: list[Recipient | Invalid] = []
    for index, item in enumerate(given):
        at = f"/recipients/{index}"
        try:
            read = faults.read(adapter, item, at=at)
        except Invalid as error:
            judged.append(error)
            continue
        earlier = first.setdefault(read.id, index)
        if earlier != index:
            text = f"this id is that of /recipients/{earlier} too; that one was taken"
            judged.append(faults.invalid([Fault(f"{at}/id", text, "duplicate_id")]))
        else:
            wrong = list(_wrong(read.addresses or (), f"{at}/addresses"))
            judged.append(faults.invalid(wrong) if wrong else _recipient(read.id, read))
            if read.addresses and not wrong:
                further[read.id] = read.addresses
    return judged


def _wrong(given: Sequence[NewAddress], at: str) -> Iterator[Fault]:
    for number, one in enumerate(given):
        try:
            contact.parse(one.address)
        except Invalid as error:
            yield Fault(f"{at}/{number}/address", error.message, error.code)


async def _add_addresses(connection: Connection, tenant_id: UUID, further: Mapping[str, Sequence[NewAddress]]) -> None:
    if further:
        await contacts.change_many(connection, tenant_id, {id: partial(_with, given) for id, given in further.items()})


def _with(given: Sequence[NewAddress], before: Sequence[Contact], now: datetime) -> Sequence[Contact]:
    for one in given:
        change = Change(verified=one.verified, preferred=one.preferred, seen=True)
        before = contact.changed(before, contact.new(*contact.parse(one.address), now), change, now)
    return before


def _result(given: object, judged: Recipient | Invalid, created: set[str]) -> dict[str, object]:
    if isinstance(judged, Recipient):
        return {"id": judged.id, "status": "created" if judged.id in created else "updated"}
    id = given.get("id") if isinstance(given, dict) else None
    return {
        "id": id[:128] if isinstance(id, str) else None,
        "status": "invalid",
        "errors": [{"pointer": f.pointer, "detail": f.detail, "code": f.code} for f in judged.faults],
    }


def _recipient(id: str, fields: RecipientFields) -> Recipient:
    return Recipient(
        id=id,
        name=fields.name,
        locale=fields.locale,
        timezone=fields.timezone,
        email=fields.email,
        phone=fields.phone,
        data=fields.data,
    )


def _shown(stored: StoredRecipient) -> dict[str, object]:
    return {**stored.recipient.variables(), "created_at": stored.created_at, "updated_at": stored.updated_at}


def _unknown(id: str) -> NotFound:
    return NotFound(f"there is no recipient {id}")


OPERATIONS: tuple[Operation[Any], ...] = (
    Operation(
        id="getRecipient",
        method="GET",
        path="/v1/recipients/{id}",
        summary="Show a recipient",
        scope=Scope.RECIPIENTS_READ,
        run=get,
        answers={200: RecipientReply},
    ),
    Operation(
        id="putRecipient",
        method="PUT",
        path="/v1/recipients/{id}",
        summary="Create or replace a recipient",
        scope=Scope.RECIPIENTS_WRITE,
        run=put,
        input=PutRecipient,
        answers={200: RecipientReply, 201: RecipientReply},
    ),
    Operation(
        id="deleteRecipient",
        method="DELETE",
        path="/v1/recipients/{id}",
        summary="Forget a recipient",
        scope=Scope.RECIPIENTS_WRITE,
        run=delete,
        answers={204: None},
    ),
    Operation(
        id="putRecipients",
        method="POST",
        path="/v1/recipients/bulk",
        summary="Create or replace up to 10,000 recipients",
        scope=Scope.RECIPIENTS_WRITE,
        run=put_bulk,
        input=BulkRecipients,
        answers={200: BulkReply},
    ),
)
