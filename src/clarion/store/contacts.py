"""The addresses of recipients: several on a channel, changed by the rules of `domain.contact`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from clarion import sql
from clarion.domain.contact import Contact, in_order
from clarion.store.database import Connection

_SQL = sql.load(__file__)

#: From a recipient's addresses and the time to what they shall be; None where what is meant is not there.
Rule = Callable[[Sequence[Contact], datetime], Sequence[Contact] | None]


class Reached(NamedTuple):
    """A recipient, and where a message for them was to go."""

    tenant_id: UUID
    recipient_id: str
    channel: str
    mailbox: str


async def list_(connection: Connection, tenant_id: UUID, recipient_id: str) -> list[Contact] | None:
    """The addresses of a recipient as they are used one after the other; None when there is no such recipient."""
    found = (await _list(connection, tenant_id, [recipient_id])).get(recipient_id)
    if found is None and not await connection.fetchval(_SQL["known"], tenant_id, recipient_id):
        return None
    return in_order(found or ())


async def change(connection: Connection, tenant_id: UUID, recipient_id: str, rule: Rule) -> list[Contact] | None:
    """Change the addresses of a recipient by *rule*, while nobody else changes them; what they are then.

    Call it in a transaction. None where there is no such recipient, or *rule* finds nothing to change.
    """
    return (await change_many(connection, tenant_id, {recipient_id: rule})).get(recipient_id)


async def change_many(connection: Connection, tenant_id: UUID, rules: Mapping[str, Rule]) -> dict[str, list[Contact]]:
    """The same for many recipients; those are left out for which `change` answers None."""
    locked = await connection.fetch(_SQL["lock"], tenant_id, list(rules))
    known = await _list(connection, tenant_id, [row["id"] for row in locked])
    gone: list[tuple[str, str, str]] = []
    new: list[tuple[object, ...]] = []
    changed: dict[str, list[Contact]] = {}
    for row in locked:
        id, before = row["id"], known.get(row["id"], [])
        after = rules[id](before, row["now"])
        if after is None:
            continue
        kept = {(one.channel, one.mailbox) for one in after}
        gone += [(id, one.channel, one.mailbox) for one in before if (one.channel, one.mailbox) not in kept]
        new += [(id, *_columns(one)) for one in after if one not in before]
        changed[id] = in_order(after)
    if gone:
        await connection.execute(_SQL["drop"], tenant_id, *zip(*gone, strict=True))
    if new:
        await connection.execute(_SQL["save"], tenant_id, *zip(*new, strict=True))
    return changed


async def _list(connection: Connection, tenant_id: UUID, ids: Sequence[str]) -> dict[str, list[Contact]]:
    found: dict[str, list[Contact]] = defaultdict(list)
    for row in await connection.fetch(_SQL["list"], tenant_id, ids):
        fields = dict(row)
        found[fields.pop("recipient_id")].append(Contact(**fields))
    return dict(found)


async def verified(connection: Connection, recipients: Sequence[tuple[UUID, str]]) -> list[dict[str, str]]:
    """By channel, the verified address at which each of *recipients* (tenant and id) is reached first."""
    found: list[dict[str, str]] = [{} for _ in recipients]
    if recipients:
        for row in await connection.fetch(_SQL["verified"], *zip(*recipients, strict=True)):
            found[row["place"] - 1][row["channel"]] = row["address"]
    return found


async def others(connection: Connection, asked: Sequence[Reached]) -> dict[int, list[str]]:
    """By the number of each of *asked*, the other verified addresses there are, in their order; none are left out."""
    found: dict[int, list[str]] = defaultdict(list)
    if asked:
        for row in await connection.fetch(_SQL["others"], *zip(*asked, strict=True)):
            found[row["place"] - 1].append(row["address"])
    return found


def _columns(one: Contact) -> tuple[object, ...]:
    return (
        one.channel,
        one.address,
        one.mailbox,
        one.preferred,
        one.verified_at,
        one.seen_at,
        one.quarantined_at,
        one.quarantine_reason,
        one.created_at,
    )
