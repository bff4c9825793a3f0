"""From a message and its words to what a provider takes, by channel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from clarion.channels.base import Chat, Email, Item, Push, Sms
from clarion.domain.content import ChatContent, EmailContent, PushContent, SmsContent
from clarion.domain.verdict import Verdict, not_now, not_renderable, out_of_reach
from clarion.errors import Invalid
from clarion.flows.contexts import Context
from clarion.flows.tracking import Tracking
from clarion.flows.unsubscribe import Offers
from clarion.store import devices
from clarion.store.database import Connection

#: Makes of a message (a row of `messages.load`) and its trigger's context what a provider takes. Raises `Invalid` when
#: its words cannot be made, or must not be sent, and `OutOfReach` when where it was to go is no more.
Compose = Callable[[Mapping[str, Any], Context], Item]

Rows = Mapping[UUID, Mapping[str, Any]]
#: Looks up where messages (rows of `messages.load` by id) go now: the rows with what was found.
Reach = Callable[[Connection, Rows], Awaitable[Rows]]


class OutOfReach(Invalid):
    """Where a message was to go is no more: it is skipped."""


class NotNow(Invalid):
    """Where a message is to go takes none for a while: it is tried then, and no attempt is spent."""

    def __init__(self, message: str, *, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


async def as_they_say(_: Connection, rows: Rows) -> Rows:
    """Messages go where they themselves say."""
    return rows


def not_composed(error: Invalid) -> Verdict:
    """What becomes of a message that could not be composed."""
    if isinstance(error, OutOfReach):
        return out_of_reach(error.message)
    if isinstance(error, NotNow):
        return not_now(error.message, error.after)
    return not_renderable(f"{error.code}: {error.message}")


def compose_email(sender: str, offers: Offers | None = None, tracking: Tracking | None = None) -> Compose[Email]:
    """Mails from *sender*, where their workflow names none; *offers* says which can be unsubscribed from, and where;
    *tracking* which tell of it when they are read."""

    def compose(row: Mapping[str, Any], context: Context) -> Email:
        url = offers.url(row, context) if offers is not None else None
        content = context.render(row, url)
        assert isinstance(content, EmailContent)
        if tracking is not None and (wanted := tracking.wanted(context.version.workflow)):
            content = tracking.mark(content, row, wanted)
        return Email(
            message_id=row["id"],
            to=row["address"],
            to_name=row["name"],
            sender=context.version.workflow.sender or sender,
            content=content,
            headers=context.headers + offers.headers(url)
            if offers is not None and url is not None
            else context.headers,
            wanted=context.wanted(row["step"]),
            sandbox=context.sandbox,
        )

    return compose


def compose_sms(offers: Offers | None = None) -> Compose[Sms]:
    """Text messages from whom the provider's account names."""

    def compose(row: Mapping[str, Any], context: Context) -> Sms:
        content = context.render(row, offers.url(row, context) if offers is not None else None)
        assert isinstance(content, SmsContent)
        return Sms(message_id=row["id"], to=row["address"], sender="", content=content, sandbox=context.sandbox)

    return compose


#: Of a message whose device or chat is gone.
UNREACHED: Mapping[str, str | None] = {"token": None, "whose": None}


async def reach_devices(connection: Connection, rows: Rows) -> Rows:
    """*rows* with the `token` that the device which each names has now, and `whose` that is: the kind of provider; None
    where the device is gone or takes none.

    So nobody gets what is somebody else's who used the same device before, and a dead token is not used again.
    """
    found = await devices.of_messages(connection, list(rows.values()))
    return {id: {**row, **found.get(id, UNREACHED)} for id, row in rows.items()}


def compose_push(row: Mapping[str, Any], context: Context) -> Push:
    """A push message for the device that *row* (of `reach_devices`) names; it is of no use after its deadline."""
    if row["token"] is None:
        raise OutOfReach("its device is gone, or takes no messages any more")
    content = context.render(row)
    assert isinstance(content, PushContent)
    remains: timedelta = max(row["remains"], timedelta(0))
    ttl = remains if content.ttl is None else min(content.ttl, remains)
    return Push(
        message_id=row["id"],
        to=row["token"],
        content=content,
        ttl=ttl,
        priority=context.version.workflow.priority,
        whose=row["whose"],
        sandbox=context.sandbox,
    )


def compose_chat(row: Mapping[str, Any], context: Context) -> Chat:
    """A message for the chat that *row* (of `flows.chats`) names."""
    if row.get("unreadable"):
        why = "its chat's address was sealed under a secret that is not there any more"
        raise Invalid(why, code="secret_unreadable")
    if row["token"] is None:
        raise OutOfReach("its chat is gone, or takes no messages any more")
    content = context.render(row)
    assert isinstance(content, ChatContent)
    return Chat(message_id=row["id"], to=row["token"], content=content, sandbox=context.sandbox)
