"""Providers of push messages at once, on one port, with one ledger: what `up` catches push messages with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Self

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from clarion.dev.fakes import expo, fcm
from clarion.dev.fakes.chat_message import Said
from clarion.dev.fakes.google_access import PATH
from clarion.dev.fakes.kept import ledger
from clarion.dev.fakes.pushes_direct import CaughtApns, CaughtWebPush, words_of
from clarion.dev.fakes.serving import Fake


class PushesFake(Fake):
    """Firebase, Expo, Apple's push service and one for browsers; any token of the shape of theirs is known.

    Apple's speaks HTTP/2, on a port of its own.
    """

    def __init__(
        self,
        *,
        key: rsa.RSAPrivateKey | None = None,
        curve_key: ec.EllipticCurvePrivateKey | None = None,
        port: int = 0,
        apple_port: int = 0,
        keep: int | None = None,
    ) -> None:
        """*key* is that of the service account at Firebase, *curve_key* that for Apple and browsers; *keep* bounds the
        ledger: the oldest are forgotten."""
        super().__init__(port=port)
        self.taken: list[Said] = ledger(keep)
        curve_key = curve_key or ec.generate_private_key(ec.SECP256R1())
        self._fcm = _Fcm(self.taken.append, key=key)
        self._expo = _Expo(self.taken.append, keep=keep)
        self._apns = CaughtApns(self.taken.append, key=curve_key, port=apple_port)
        self._web = CaughtWebPush(self.taken.append, key=curve_key)

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._web.port = self.port
        await self._apns.server.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._apns.server.__aexit__(*error)
        await super().__aexit__(*error)

    @property
    def apple_port(self) -> int:
        """Where Apple's push service is."""
        return self._apns.server.port

    @property
    def accounts(self) -> Mapping[str, Mapping[str, str]]:
        """Accounts of each kind."""
        key = self._fcm.access.service_account(self.url + PATH)
        return {
            "fcm": {"base_url": self.url, "service_account": key},
            "expo": {"base_url": self.url},
            "apns": self._apns.account,
            "webpush": self._web.account,
        }

    @property
    def tokens(self) -> Mapping[str, str]:
        """A token of each kind that devices may be registered with."""
        phone, expo, apple = "caught-phone-0001:APA91b" + "x" * 127, "ExponentPushToken[caught]", "ca" * 32
        return {"fcm": phone, "expo": expo, "apns": apple, "webpush": self._web.token}

    def routes(self, router: web.UrlDispatcher) -> None:
        self._fcm.routes(router)
        self._expo.routes(router)
        self._web.routes(router)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()
        self._expo.forget()


class _Fcm(fcm.FcmFake):
    def __init__(self, take: Callable[[Said], None], *, key: rsa.RSAPrivateKey | None) -> None:
        super().__init__(key=key)
        self._took = take

    def note(self, pushed: fcm.Pushed) -> None:
        text = words_of(pushed.message.get("notification"))
        self._took(Said(id=pushed.name, provider="fcm", room=pushed.token, text=text, body=pushed.message))


class _Expo(expo.ExpoFake):
    """It keeps its own ledger as well: receipts are given for what is in it."""

    def __init__(self, take: Callable[[Said], None], *, keep: int | None) -> None:
        super().__init__()
        self._took = take
        self.taken = ledger(keep)

    def note(self, pushed: expo.Pushed) -> None:
        super().note(pushed)
        text = words_of(pushed.message)
        self._took(Said(id=pushed.id, provider="expo", room=pushed.to, text=text, body=pushed.message))
