"""What follows from what providers say of addresses: suppressions, in the transaction of what they said it with."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from clarion import clock
from clarion.domain.feedback import Feedback
from clarion.domain.suppression import CHANNELS, OF_FEEDBACK, Reason, SoftRule
from clarion.flows.hearing import Hearing
from clarion.queue.job import storable
from clarion.store import suppressions
from clarion.store.database import Connection
from clarion.store.suppressions import NewSuppression, Place


class Said(NamedTuple):
    """What was said of the address of one message."""

    message_id: UUID
    feedback: Feedback
    #: In the provider's words, as far as it can be stored.
    detail: str | None


async def learn(
    connection: Connection, all_said: Sequence[Said], soft: SoftRule, hearing: Hearing | None = None
) -> None:
    """Within the caller's transaction: suppress the addresses of which *all_said* speaks. Repeating it changes nothing.
    Where *hearing* is given, bindings hear of it, and the caller rings.

    Call it behind what moves the messages: whoever holds rows of suppressions waits for no message.
    """
    all_said = [said for said in all_said if said.feedback in OF_FEEDBACK or said.feedback is Feedback.SOFT_BOUNCE]
    if not all_said:
        return
    rows = await suppressions.addresses(connection, [said.message_id for said in all_said])
    known = [(said, row) for said in all_said if (row := rows.get(said.message_id)) and row["channel"] in CHANNELS]
    bounced = [(said, row) for said, row in known if said.feedback is Feedback.SOFT_BOUNCE]
    learnt = [_new(said, row, OF_FEEDBACK[said.feedback]) for said, row in known if said.feedback in OF_FEEDBACK]
    if bounced and soft.count:
        learnt += await _soften(connection, bounced, soft)
    new = await suppressions.learn(connection, learnt)
    if hearing is not None and hearing.anybody:
        await hearing.suppressed(connection, new)


async def _soften(
    connection: Connection, bounced: Sequence[tuple[Said, suppressions.Row]], soft: SoftRule
) -> list[NewSuppression]:
    """Count soft bounces; what has come to be suppressed by them."""
    places = [_new(said, row, Reason.SOFT_BOUNCES).place for said, row in bounced]
    await suppressions.soften(connection, [(place, row["id"]) for place, (_, row) in zip(places, bounced, strict=True)])
    asked: dict[Place, tuple[Place, str, str]] = {
        place: (place, row["recipient_id"], row["address"]) for place, (_, row) in zip(places, bounced, strict=True)
    }
    counts = await suppressions.soft_counts(connection, list(asked.values()), soft.window)
    until = clock.now() + soft.lasts
    found = []
    for place, (said, row) in zip(places, bounced, strict=True):
        count = counts.get(place, 0)
        if count >= soft.count:
            detail = f"{count} messages in a row came back; the last: {said.detail or 'no reason was given'}"
            found.append(_new(said._replace(detail=storable(detail)), row, Reason.SOFT_BOUNCES, until))
    return found


def _new(said: Said, row: suppressions.Row, reason: Reason, expires_at: datetime | None = None) -> NewSuppression:
    return NewSuppression(
        tenant_id=row["tenant_id"],
        channel=row["channel"],
        address=row["address"],
        reason=reason,
        detail=said.detail,
        message_id=row["id"],
        expires_at=expires_at,
    )
