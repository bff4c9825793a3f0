"""Signed mails, as servers get them: what was signed is what arrives, whatever the server can do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.support.dkim import a_signer, both, verified
from tests.support.providers import mail_message, mailgun_account
from tests.support.smtp_mails import a_mail, provider_for
from tests.support.smtp_server import SmtpServer

from clarion.channels.email.mailgun import Mailgun
from clarion.dev.fakes.mailgun import MailgunFake
from clarion.domain.content import EmailContent
from clarion.domain.outcome import Sent

#: Dots that are doubled on the way, blanks and empty lines at ends, letters that are not ASCII, a line too long.
TEXTS = ("..\n.\n.a\n", "Grüße \t \n\n\n", "\n \n.", "x" * 3000, "a")
EXTENSIONS: Sequence[Sequence[str]] = (("PIPELINING", "8BITMIME", "SMTPUTF8"), ())


@pytest.mark.parametrize("extensions", EXTENSIONS, ids=["all", "none"])
async def test_what_a_server_takes_is_verified_by_another(extensions: Sequence[str]) -> None:
    mails = [a_mail(f"guest{number}@example.com", text=text) for number, text in enumerate(TEXTS)]
    plain = a_mail(content=EmailContent(subject="Grüße", html=None, text="Grüße.\n.\n"), to_name="Jörg")
    async with (
        SmtpServer(extensions=extensions, keep_data=True) as server,
        provider_for(server, signer=a_signer()) as provider,
    ):
        outcomes = await provider.send([*mails, plain])
    assert all(isinstance(outcome, Sent) for outcome in outcomes), outcomes
    assert len(server.accepted) == len(mails) + 1
    for taken in server.accepted:
        assert verified(taken.data, both()) == [True, True]


async def test_what_mailgun_takes_whole_is_signed_too() -> None:
    keys = both("shop.example")
    async with MailgunFake(domain="mg.shop.example", api_key="k" * 20, signing_key="s" * 20) as fake:
        account = mailgun_account(base_url=fake.url, api_key="k" * 20, signing_key="s" * 20)
        provider = Mailgun(replace(account, signer=a_signer("shop.example")))
        try:
            (outcome,) = await provider.send([mail_message(text="Grüße \n.\n\n")])
        finally:
            await provider.close()
    assert isinstance(outcome, Sent)
    (taken,) = fake.taken
    assert verified(taken.message.encode(), keys) == [True, True]
