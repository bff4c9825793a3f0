"""Providers of push messages that reach devices directly, each with the fake that it is tried against."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from tests.support.providers import PROMPT, Case, push_message

from clarion.channels.account import Account
from clarion.channels.base import Push
from clarion.channels.push.apns import Apns
from clarion.channels.push.expo import Expo
from clarion.channels.push.subscription import parse_subscription
from clarion.channels.push.vapid import load_key, public_text
from clarion.channels.push.webpush import WebPush
from clarion.dev.fakes.apns import KEY_ID, TEAM_ID, TOPIC, ApnsFake
from clarion.dev.fakes.expo import ExpoFake
from clarion.dev.fakes.webpush import WebPushFake
from clarion.http.client import Patience
from clarion.project.providers import read_accounts

#: Of no use: the octets 1 to 32.
VAPID_KEY = "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"
EXPO_TOKEN = "5ecre7" + "e4p0" * 8
SUBJECT = "mailto:ops@shop.example"


class WebPushCase(Case):
    """Web Push: no idempotency key, no id that must be given, and servers that users name."""

    secrets = (VAPID_KEY,)
    is_theirs = True
    refused_as = "unregistered"
    says_no_with_success = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with WebPushFake() as self.fake:
            self.faults, self.url, self.at = self.fake.faults, self.fake.url, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> WebPush:
        self.at = base_url or self.url
        return WebPush(webpush_account(base_url=self.at), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Push:
        token = subscribed(self.fake)
        if refused:
            self.fake.gone.add(parse_subscription(token).to.path.rpartition("/")[2])
        return push_message(token.replace(self.url, self.at))

    def taken(self) -> list[str]:
        return [message.id for message in self.fake.taken]

    def error(self) -> str:
        raise NotImplementedError  # the status alone decides


class ApnsCase(Case):
    """APNs: no idempotency key that is promised, our own id, HTTP/2, and access that runs out."""

    secrets = ("PRIVATE KEY", "eyJ")
    refused_as = "unregistered"
    greets = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with ApnsFake() as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Apns:
        return Apns(apns_account(self.fake, base_url=base_url or self.url, connections="20"), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Push:
        token = apple_token()
        if refused:
            self.fake.dead.add(token)
        return push_message(token)

    def taken(self) -> list[str]:
        return [message.id for message in self.fake.taken]

    def error(self) -> str:
        return '{"reason": "Unregistered", "timestamp": 1700000000000}'


class ExpoCase(Case):
    """Expo: no idempotency key, many messages in a request, and an id for each."""

    secrets = (EXPO_TOKEN,)
    refused_as = "unregistered"
    together = 100

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with ExpoFake(access_token=EXPO_TOKEN) as self.fake:
            self.faults, self.url = self.fake.faults, self.fake.url
            yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Expo:
        return Expo(expo_account(self.fake, base_url=base_url or self.url, connections="20"), patience=patience, **more)

    def item(self, *, refused: bool = False) -> Push:
        token = expo_token()
        if refused:
            self.fake.dead.add(token)
        return push_message(token)

    def taken(self) -> list[str]:
        return [message.id for message in self.fake.taken]

    def error(self) -> str:
        ticket = {"status": "error", "message": "gone", "details": {"error": "DeviceNotRegistered"}}
        return json.dumps({"data": [ticket]})


PUSH_CASES: Mapping[str, type[Case]] = {
    "expo": ExpoCase,
    "apns": ApnsCase,
    "webpush": WebPushCase,
}


def webpush_account(name: str = "browsers", *, base_url: str | None = None, **more: str) -> Account:
    """An account for Web Push; *base_url* may lead anywhere, as the settings do not let it."""
    (account,) = read_accounts({name: {"kind": "webpush", "private_key": VAPID_KEY, "subject": SUBJECT, **more}})
    return replace(account, values=dict(account.values) | ({} if base_url is None else {"base_url": base_url}))


def apns_account(fake: ApnsFake, name: str = "apple", **more: str) -> Account:
    """An account at *fake* as the settings would have it."""
    table = {"kind": "apns", "key": fake.key, "key_id": KEY_ID, "team_id": TEAM_ID, "topic": TOPIC}
    (account,) = read_accounts({name: {**table, "base_url": fake.url, **more}})
    return account


def expo_account(fake: ExpoFake, name: str = "expo", **more: str) -> Account:
    """An account at *fake* as the settings would have it."""
    table = {"kind": "expo", "base_url": fake.url}
    if fake.access_token is not None:
        table["access_token"] = fake.access_token
    (account,) = read_accounts({name: {**table, **more}})
    return account


def expo_token() -> str:
    """A token such as an application that is built with Expo gets."""
    return f"ExponentPushToken[{secrets.token_urlsafe(16)}]"


def apple_token() -> str:
    """A token such as a device gets of Apple's."""
    return secrets.token_hex(32)


def subscribed(fake: WebPushFake) -> str:
    """The token of a new browser at *fake*, for our account, in the form in which it is kept."""
    return parse_subscription(fake.subscribe(public_text(load_key(VAPID_KEY)))).token()
