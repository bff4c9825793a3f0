"""One message through one account, now: whether the account works, and what its provider says. Nothing is stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

from clarion import clock, ids
from clarion.channels.account import Account
from clarion.channels.base import Chat, Email, Provider, Push, Sms
from clarion.domain.address import parse_email
from clarion.domain.content import ChatContent, Content, EmailContent, PushContent, SmsContent
from clarion.domain.outcome import Outcome, Sent
from clarion.domain.phone import parse_phone
from clarion.domain.workflow import Channel
from clarion.errors import Invalid

#: Opens an account as workers do.
Open = Callable[[Account], Provider[Any]]

#: As long as a push service keeps it for a device that is away.
_TTL = timedelta(minutes=10)


class Tried(NamedTuple):
    """What trying an account came to."""

    outcome: Outcome
    took: timedelta


def place_of(account: Account, text: str) -> str:
    """*text* as a place that *account* reaches, in its usual form: an address, a number, a token, or where a chat is.

    Raises `Invalid`; what is a secret is not repeated.
    """
    match account.kind.channel:
        case Channel.EMAIL:
            return parse_email(text)
        case Channel.SMS:
            return parse_phone(text)
        case Channel.PUSH:
            return account.kind.read_token(text, [account])
        case _ if not text:
            return ""
        case _ if account.kind.read_chat is None:
            raise Invalid("an account of this kind reaches its own room alone: leave `to` empty")
        case _:
            return account.kind.read_chat(text)


def words_for(account: Account) -> Content:
    """What is said where nobody says anything else."""
    title, text = "A test", f"This is a test of the account {account.name}. Nobody needs to do anything."
    match account.kind.channel:
        case Channel.EMAIL:
            return EmailContent(subject=title, html=None, text=text)
        case Channel.SMS:
            return SmsContent(text=text)
        case Channel.PUSH:
            return PushContent(title=title, body=text)
        case _:
            return ChatContent(text=text, title=title)


async def try_account(open_account: Open, account: Account, to: str, content: Content, *, sender: str) -> Tried:
    """Send *content* through *account* to the place *to* (of `place_of`), and wait for what its provider says."""
    provider, began = open_account(account), clock.monotonic()
    try:
        (outcome,) = await provider.send([_item(account, to, content, sender)])
    finally:
        await provider.close()
    if not isinstance(outcome, Sent):
        outcome = replace(outcome, reason=_without_secrets(outcome.reason, account))
    return Tried(outcome, timedelta(seconds=clock.monotonic() - began))


def _without_secrets(reason: str, account: Account) -> str:
    """*reason* without what a provider may have repeated of the account's."""
    for option in account.kind.options:
        secret = account.get(option.key) if option.secret else None
        if secret:
            reason = reason.replace(secret, "••••")
    return reason


def _item(account: Account, to: str, content: Content, sender: str) -> Email | Sms | Push | Chat:
    id = ids.new()
    match content:
        case EmailContent():
            return Email(message_id=id, to=to, to_name=None, sender=sender, content=content)
        case SmsContent():
            return Sms(message_id=id, to=to, sender="", content=content)
        case PushContent():
            ttl = min(content.ttl or _TTL, _TTL)
            return Push(message_id=id, to=to, content=content, ttl=ttl, whose=account.kind.name)
        case ChatContent():
            return Chat(message_id=id, to=to, content=content)
    raise TypeError(type(content))
