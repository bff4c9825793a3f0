"""From a message and its words to what a provider takes, by channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clarion.channels.base import Email, Item, Sms
from clarion.domain.content import EmailContent, SmsContent
from clarion.flows.contexts import Context
from clarion.flows.unsubscribe import Offers

#: Makes of a message (a row of `messages.load`) and its trigger's context what a provider takes. Raises `Invalid` when
#: its words cannot be made, or must not be sent.
Compose = Callable[[Mapping[str, Any], Context], Item]


def compose_email(sender: str, offers: Offers | None = None) -> Compose[Email]:
    """Mails from *sender*, where their workflow names none; *offers* says which can be unsubscribed from, and where."""

    def compose(row: Mapping[str, Any], context: Context) -> Email:
        url = offers.url(row, context) if offers is not None else None
        content = context.render(row, url)
        assert isinstance(content, EmailContent)
        return Email(
            message_id=row["id"],
            to=row["address"],
            to_name=row["name"],
            sender=context.version.workflow.sender or sender,
            content=content,
            headers=offers.headers(url) if offers is not None and url is not None else (),
        )

    return compose


def compose_sms(offers: Offers | None = None) -> Compose[Sms]:
    """Text messages from whom the provider's account names."""

    def compose(row: Mapping[str, Any], context: Context) -> Sms:
        content = context.render(row, offers.url(row, context) if offers is not None else None)
        assert isinstance(content, SmsContent)
        return Sms(message_id=row["id"], to=row["address"], sender="", content=content)

    return compose
