"""Providers of push messages at once, on one port, with one ledger: what `up` catches push messages with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from clarion.dev.fakes import expo, fcm
from clarion.dev.fakes.chat_message import Said
from clarion.dev.fakes.google_access import PATH
from clarion.dev.fakes.serving import Fake


class PushesFake(Fake):
    """Firebase and Expo; any token of the shape of theirs is known."""

    def __init__(self, *, key: rsa.RSAPrivateKey | None = None, port: int = 0, keep: int | None = None) -> None:
        """*key* is that of the service account at Firebase; *keep* bounds the ledger: the oldest are forgotten."""
        super().__init__(port=port)
        self.taken: list[Said] = []
        self._keep = keep
        self._fcm = _Fcm(self._take, key=key)
        self._expo = _Expo(self._take, keep=keep)

    @property
    def accounts(self) -> Mapping[str, Mapping[str, str]]:
        """Accounts of each kind."""
        key = self._fcm.access.service_account(self.url + PATH)
        return {"fcm": {"base_url": self.url, "service_account": key}, "expo": {"base_url": self.url}}

    def routes(self, router: web.UrlDispatcher) -> None:
        self._fcm.routes(router)
        self._expo.routes(router)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()
        self._expo.forget()

    def _take(self, said: Said) -> None:
        self.taken.append(said)
        if self._keep is not None:
            del self.taken[: -self._keep]


class _Fcm(fcm.FcmFake):
    def __init__(self, take: Callable[[Said], None], *, key: rsa.RSAPrivateKey | None) -> None:
        super().__init__(key=key)
        self._took = take

    def note(self, pushed: fcm.Pushed) -> None:
        shown = pushed.message.get("notification")
        text = _words(shown if isinstance(shown, dict) else {})
        self._took(Said(id=pushed.name, provider="fcm", room=pushed.token, text=text, body=pushed.message))


class _Expo(expo.ExpoFake):
    """It keeps its own ledger as well: receipts are given for what is in it."""

    def __init__(self, take: Callable[[Said], None], *, keep: int | None) -> None:
        super().__init__()
        self._took = take
        self._most = keep

    def note(self, pushed: expo.Pushed) -> None:
        super().note(pushed)
        if self._most is not None:
            del self.taken[: -self._most]
        text = _words(pushed.message)
        self._took(Said(id=pushed.id, provider="expo", room=pushed.to, text=text, body=pushed.message))


def _words(shown: Mapping[str, object]) -> str:
    """What the screen shows: title and body."""
    return "\n".join(str(shown[name]) for name in ("title", "body") if shown.get(name))
