"""Providers of text messages besides Twilio, each with the fake that it is tried against."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from tests.support.provider_case import PROMPT, Case

from clarion import ids
from clarion.channels.account import Account
from clarion.channels.base import Sms
from clarion.channels.sms.sns import Sns
from clarion.channels.sms.vonage import Vonage
from clarion.dev.fakes.sns import REFUSED, SnsFake, invalid
from clarion.dev.fakes.vonage import VonageFake
from clarion.dev.fakes.vonage_rules import Refusal
from clarion.domain.content import SmsContent
from clarion.http.client import Patience
from clarion.project.providers import read_accounts

ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
AWS_SECRET = "5ecre7/K7MDENG/bPxRfiCYEXAMPLEKEY+5ecre7"
VONAGE_KEY = "abcd1234"
VONAGE_SECRET = "5ecre7c0ffeec0ff"
VONAGE_SIGNING = "5ecre7" + "51697" * 8


class SnsCase(Case):
    """SNS: no idempotency key, an id that SNS makes, and answers in XML."""

    secrets = (AWS_SECRET,)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with SnsFake(access_key=ACCESS_KEY, secret=AWS_SECRET) as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Sns:
        return Sns(sns_account(base_url=base_url or self.url), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Sms:
        return text_message(REFUSED if refused else "+447700900000")

    def taken(self) -> list[str]:
        return [message.id for message in self.fake.taken]

    def error(self) -> str:
        return invalid("PhoneNumber", "+1 is not valid to publish to").body()


class VonageCase(Case):
    """Vonage: no idempotency key, an id that Vonage makes, and errors that come with HTTP 200."""

    secrets = (VONAGE_SECRET, VONAGE_SIGNING)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with vonage_fake() as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Vonage:
        return Vonage(vonage_account(base_url=base_url or self.url), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Sms:
        return text_message("+15005550033" if refused else "+447700900000")

    def taken(self) -> list[str]:
        return [message.id for message in self.fake.taken]

    def error(self) -> str:
        return json.dumps(Refusal("3", "Invalid parameter: to").body())


def sns_account(*, base_url: str | None = None, **more: str) -> Account:
    """The same at SNS."""
    keys = {"access_key_id": ACCESS_KEY, "secret_access_key": AWS_SECRET}
    (account,) = read_accounts({"main": {"kind": "sns", "region": "eu-west-1", **keys, **more}})
    return replace(account, values=dict(account.values) | ({} if base_url is None else {"base_url": base_url}))


def vonage_account(*, base_url: str | None = None, without: Sequence[str] = (), **more: str) -> Account:
    """The same at Vonage; *base_url* may lead anywhere."""
    keys = {"api_key": VONAGE_KEY, "api_secret": VONAGE_SECRET, "signature_secret": VONAGE_SIGNING}
    table = {"kind": "vonage", "from": "+447700900001", **keys, **more}
    (account,) = read_accounts({"main": {name: value for name, value in table.items() if name not in without}})
    return replace(account, values=dict(account.values) | ({} if base_url is None else {"base_url": base_url}))


def vonage_fake(**more: Any) -> VonageFake:
    """A fake where that account is let in."""
    return VonageFake(api_key=VONAGE_KEY, api_secret=VONAGE_SECRET, signature_secret=VONAGE_SIGNING, **more)


def text_message(to: str = "+15558675310", text: str = "Your order is ready.", sender: str = "") -> Sms:
    return Sms(message_id=ids.new(), to=to, sender=sender, content=SmsContent(text=text))
