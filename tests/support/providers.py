"""Providers that speak HTTP, each with the fake that it is tried against: what the contract suite is run over."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from tests.support.provider_case import PROMPT as PROMPT
from tests.support.provider_case import SHORT as SHORT
from tests.support.provider_case import Case as Case
from tests.support.providers_sms import ACCESS_KEY as ACCESS_KEY
from tests.support.providers_sms import AWS_SECRET as AWS_SECRET
from tests.support.providers_sms import SnsCase, VonageCase
from tests.support.providers_sms import text_message as text_message

from clarion import ids
from clarion.channels.account import Account
from clarion.channels.base import Email, Push, Sms
from clarion.channels.email.mailgun import Mailgun
from clarion.channels.email.postmark import Postmark
from clarion.channels.email.resend import Resend
from clarion.channels.email.sendgrid import SendGrid
from clarion.channels.email.ses import Ses
from clarion.channels.push.fcm import Fcm
from clarion.channels.sms.twilio import Twilio
from clarion.dev.fakes import google_access
from clarion.dev.fakes.fcm import FcmFake
from clarion.dev.fakes.fcm_rules import BAD_TOKEN
from clarion.dev.fakes.mailgun import MailgunFake
from clarion.dev.fakes.postmark import PostmarkFake
from clarion.dev.fakes.resend import ResendFake
from clarion.dev.fakes.sendgrid import SendGridFake
from clarion.dev.fakes.ses import SesFake
from clarion.dev.fakes.twilio import TwilioFake
from clarion.domain.content import EmailContent, PushContent
from clarion.http.client import Patience
from clarion.project.providers import read_accounts

ACCOUNT_SID = "AC" + "0123456789abcdef" * 2
AUTH_TOKEN = "5ecre7" + "c0ffee" * 4 + "ab"
API_KEY = ("SK" + "fedcba9876543210" * 2, "5ecre7" + "KEYkey" * 4 + "ab")
MAIL_DOMAIN = "mg.shop.example"
MAIL_KEY = "5ecre7" + "f00dcafe" * 4
SIGNING_KEY = "5ecre7" + "deadbeef" * 4
SERVER_TOKEN = "5ecre7" + "70cafe" * 5
WEBHOOK_PASSWORD = "5ecre7" + "c0de" * 8
SENDGRID_KEY = "SG.5ecre7" + "feed" * 14
RESEND_KEY = "re_5ecre7" + "beef" * 6
RESEND_SECRET = "whsec_" + "5ecre7Ke" * 4
TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail-events"


class TwilioCase(Case):
    """Twilio: no idempotency key, and an id that Twilio makes."""

    secrets = (AUTH_TOKEN, API_KEY[1])

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with TwilioFake(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN, api_key=API_KEY) as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Twilio:
        return Twilio(twilio_account(base_url=base_url or self.url), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Sms:
        return text_message("+15005550001" if refused else "+15558675310")

    def taken(self) -> list[str]:
        return [message.sid for message in self.fake.taken]

    def error(self) -> str:
        return '{"code": 21211, "message": "The \'To\' number is not a valid phone number.", "status": 400}'


class MailgunCase(Case):
    """Mailgun: no idempotency key, and an id that is the mail's Message-ID."""

    secrets = (MAIL_KEY, SIGNING_KEY)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with MailgunFake(domain=MAIL_DOMAIN, api_key=MAIL_KEY, signing_key=SIGNING_KEY) as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Mailgun:
        return Mailgun(mailgun_account(base_url=base_url or self.url), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Email:
        return mail_message("guest@refused.invalid" if refused else "guest@example.com")

    def taken(self) -> list[str]:
        return [message.id.strip("<>") for message in self.fake.taken]

    def error(self) -> str:
        return '{"message": "to parameter is not a valid address. please check documentation"}'


class PostmarkCase(Case):
    """Postmark: no idempotency key, and an id that Postmark makes."""

    secrets = (SERVER_TOKEN, WEBHOOK_PASSWORD)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with PostmarkFake(server_token=SERVER_TOKEN, domain="shop.example") as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Postmark:
        return Postmark(postmark_account(base_url=base_url or self.url), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Email:
        return mail_message("guest@refused.invalid" if refused else "guest@example.com")

    def taken(self) -> list[str]:
        return [message.id for message in self.fake.taken]

    def error(self) -> str:
        return '{"ErrorCode": 406, "Message": "You tried to send to recipient(s) that have been marked as inactive."}'


class ResendCase(Case):
    """Resend: an idempotency key, and an id that Resend makes."""

    secrets = (RESEND_KEY, RESEND_SECRET)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with ResendFake(api_key=RESEND_KEY, signing_secret=RESEND_SECRET, domain="shop.example") as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Resend:
        return Resend(resend_account(base_url=base_url or self.url), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Email:
        return mail_message("guest@refused.invalid" if refused else "guest@example.com")

    def taken(self) -> list[str]:
        return [message.id for message in self.fake.taken]

    def error(self) -> str:
        return '{"statusCode": 422, "name": "validation_error", "message": "Invalid `to` field."}'


@cache
def google_key() -> rsa.RSAPrivateKey:
    """A key of a service account, for all fakes of a run: making one takes longer than most tests."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


class FcmCase(Case):
    """FCM: no idempotency key, a name that it makes, and access that runs out."""

    secrets = (google_access.PREFIX, "PRIVATE KEY")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with FcmFake(key=google_key()) as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Fcm:
        account = fcm_account(self.fake, base_url=base_url or self.url, connections="20")
        return Fcm(account, patience=patience, **more)

    def item(self, *, refused: bool = False) -> Push:
        return push_message("0612345678" if refused else device_token())

    def taken(self) -> list[str]:
        return [message.name for message in self.fake.taken]

    def error(self) -> str:
        return json.dumps(BAD_TOKEN.body())


class SendGridCase(Case):
    """SendGrid: no idempotency key, and an id in a header."""

    secrets = (SENDGRID_KEY,)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with SendGridFake(api_key=SENDGRID_KEY, domain="shop.example") as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> SendGrid:
        return SendGrid(sendgrid_account(self.fake, base_url=base_url or self.url), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Email:
        return mail_message("guest@refused.invalid" if refused else "guest@example.com")

    def taken(self) -> list[str]:
        return [message.id for message in self.fake.taken]

    def error(self) -> str:
        return '{"errors": [{"message": "no address", "field": "personalizations.0.to.0.email", "help": null}]}'


class SesCase(Case):
    """SES: no idempotency key, and an id that SES makes."""

    secrets = (AWS_SECRET,)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with ses_fake() as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Ses:
        return Ses(ses_account(base_url=base_url or self.url), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Email:
        return mail_message("guest@refused.invalid" if refused else "guest@example.com")

    def taken(self) -> list[str]:
        return [message.id for message in self.fake.taken]

    def error(self) -> str:
        return '{"__type": "com.amazon.ses#BadRequestException", "message": "Missing final \'@domain\'"}'


CASES: Mapping[str, type[Case]] = {
    "fcm": FcmCase,
    "twilio": TwilioCase,
    "mailgun": MailgunCase,
    "postmark": PostmarkCase,
    "resend": ResendCase,
    "sendgrid": SendGridCase,
    "ses": SesCase,
    "sns": SnsCase,
    "vonage": VonageCase,
}


def twilio_account(name: str = "main", **more: str) -> Account:
    """An account as the settings would have it."""
    table = {"kind": "twilio", "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from": "+15017122661", **more}
    (account,) = read_accounts({name: table})
    return account


def mailgun_account(name: str = "main", *, base_url: str | None = None, **more: str) -> Account:
    """An account as the settings would have it; *base_url* may lead anywhere, as the settings do not let it."""
    table = {"kind": "mailgun", "domain": MAIL_DOMAIN, "api_key": MAIL_KEY, "signing_key": SIGNING_KEY, **more}
    return _mail_account(name, table, base_url)


def postmark_account(name: str = "main", *, base_url: str | None = None, **more: str) -> Account:
    """The same at Postmark."""
    table = {"kind": "postmark", "server_token": SERVER_TOKEN, "webhook_password": WEBHOOK_PASSWORD, **more}
    return _mail_account(name, table, base_url)


def resend_account(name: str = "main", *, base_url: str | None = None, **more: str) -> Account:
    """The same at Resend."""
    table = {"kind": "resend", "api_key": RESEND_KEY, "signing_secret": RESEND_SECRET, **more}
    return _mail_account(name, table, base_url)


def sendgrid_account(fake: SendGridFake | None, *, base_url: str | None = None, **more: str) -> Account:
    """The same at SendGrid: at *fake*, unless *base_url* leads elsewhere."""
    keys = {"verification_key": fake.verification_key} if fake is not None else {}
    table = {"kind": "sendgrid", "api_key": SENDGRID_KEY, **keys, **more}
    return _mail_account("main", table, base_url or (fake.url if fake is not None else None))


def ses_account(*, base_url: str | None = None, **more: str) -> Account:
    """The same at SES."""
    keys = {"access_key_id": ACCESS_KEY, "secret_access_key": AWS_SECRET}
    table = {"kind": "ses", "region": "eu-west-1", "topic_arn": TOPIC, **keys, **more}
    return _mail_account("main", table, base_url)


def ses_fake(**more: Any) -> SesFake:
    """A fake where that account is let in."""
    return SesFake(access_key=ACCESS_KEY, secret=AWS_SECRET, domain="shop.example", topic_arn=TOPIC, **more)


def account_at(name: str, table: dict[str, str], base_url: str | None) -> Account:
    """An account as the settings would have it; *base_url* may lead anywhere, as the settings do not let it."""
    (account,) = read_accounts({name: table})
    return replace(account, values=dict(account.values) | ({} if base_url is None else {"base_url": base_url}))


def _mail_account(name: str, table: dict[str, str], base_url: str | None) -> Account:
    return replace(account_at(name, table, base_url), from_domains=frozenset({"shop.example"}))


def mail_message(to: str = "guest@example.com", *, text: str = "Your order is ready.\n", **more: Any) -> Email:
    content = EmailContent(subject="Order", html=f"<p>{text}</p>", text=text)
    values: dict[str, Any] = {"message_id": ids.new(), "to": to, "to_name": None, "sender": "Shop <shop@shop.example>"}
    return Email(**{**values, "content": content, **more})


def fcm_account(fake: FcmFake, name: str = "phones", **more: str) -> Account:
    """An account at *fake* as the settings would have it."""
    table = {"kind": "fcm", "service_account": fake.service_account, "base_url": fake.url, **more}
    (account,) = read_accounts({name: table})
    return account


def device_token() -> str:
    """A token such as a device gets of FCM."""
    return f"{secrets.token_urlsafe(16)}:APA91b{secrets.token_urlsafe(100)}"


def push_message(to: str | None = None, ttl: timedelta = timedelta(hours=1), **words: Any) -> Push:
    content = PushContent(**({"title": "Your order", "body": "It is ready."} | words))
    return Push(message_id=ids.new(), to=to or device_token(), content=content, ttl=ttl)
