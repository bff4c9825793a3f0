"""Mails to send in tests, a provider to send them with, and what must be true of what arrived."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from tests.support.smtp_server import SmtpServer

from clarion.channels.base import Email
from clarion.channels.email.dkim import Signer
from clarion.channels.email.settings import SmtpSettings, Timeouts, Tls
from clarion.channels.email.smtp import SmtpProvider
from clarion.domain.content import EmailContent
from clarion.domain.outcome import Outcome, Reject, Retry, Sent

#: Short enough for a test that waits for them, long enough for a busy machine.
TIMEOUTS = Timeouts(
    connect=timedelta(seconds=5),
    greeting=timedelta(seconds=1),
    command=timedelta(seconds=1),
    data=timedelta(seconds=1),
    reply=timedelta(seconds=1),
    idle=timedelta(seconds=30),
)


def a_mail(to: str = "guest@example.com", *, text: str = "Hello\n.\n..dots\n", **changes: Any) -> Email:
    """A mail with an id of its own."""
    values: dict[str, Any] = {
        "message_id": uuid.uuid4(),
        "to": to,
        "to_name": None,
        "sender": "Hotel <hotel@example.com>",
        "content": EmailContent(subject="Booking", html=f"<p>{text}</p>", text=text),
    }
    return Email(**{**values, **changes})


def mails(count: int, *, bad: int | None = None) -> list[Email]:
    """*count* mails to guest0…; the one at *bad* goes to bad@elsewhere.example."""
    return [a_mail("bad@elsewhere.example" if i == bad else f"guest{i}@example.com") for i in range(count)]


@asynccontextmanager
async def provider_for(
    server: SmtpServer, *, signer: Signer | None = None, **changes: Any
) -> AsyncIterator[SmtpProvider]:
    """A provider that sends to *server* in the clear, over one connection unless *changes* say otherwise."""
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": server.port,
        "tls": Tls.NEVER,
        "timeouts": TIMEOUTS,
        "connections": 1,
        "from_domains": frozenset({"example.com"}),
    }
    provider = SmtpProvider(SmtpSettings(**{**values, **changes}), signer=signer)
    try:
        yield provider
    finally:
        await provider.close()


def header_id(mail: Email) -> str:
    """The Message-ID that *mail* has at every attempt."""
    return f"<msg_{mail.message_id.hex}@example.com>"


def check_ledger(sent: Sequence[Email], outcomes: Sequence[Outcome], server: SmtpServer) -> None:
    """Nothing twice; what we call sent is there; what we call not sent is not."""
    ledger = Counter(server.message_ids())
    assert len(outcomes) == len(sent)
    assert max(ledger.values(), default=0) <= 1
    for mail, outcome in zip(sent, outcomes, strict=True):
        if isinstance(outcome, Sent):
            assert ledger[header_id(mail)] == 1, outcome
        elif isinstance(outcome, Retry | Reject):
            assert ledger[header_id(mail)] == 0, outcome
