"""From a message and its words to what a provider takes, by channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from clarion.channels.base import Email, Item, Sms
from clarion.domain.content import EmailContent, SmsContent
from clarion.flows.contexts import Context

#: Makes of a message (a row of `messages.load`) and its trigger's context what a provider takes. Raises `Invalid` when
#: its words cannot be made, or must not be sent.
Compose = Callable[[Mapping[str, Any], Context], Item]


def compose_email(sender: str) -> Compose[Email]:
    """Mails from *sender*, where their workflow names none."""

    def compose(row: Mapping[str, Any], context: Context) -> Email:
        content = context.render(row)
        assert isinstance(content, EmailContent)
        return Email(
            message_id=row["id"],
            to=row["address"],
            to_name=row["name"],
            sender=context.version.workflow.sender or sender,
            content=content,
        )

    return compose


def compose_sms(row: Mapping[str, Any], context: Context) -> Sms:
    """A text message from whom the provider's account names."""
    content = context.render(row)
    assert isinstance(content, SmsContent)
    return Sms(message_id=row["id"], to=row["address"], sender="", content=content)
