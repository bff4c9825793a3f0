"""A local server that speaks Apple's push service over HTTP/2: it takes messages, and sends none.

Written from https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns as of
November 2026. In the tests `aioapns` 4 passes against it, over TLS. What it is commanded by speaks HTTP/1, on a port of
its own.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
PUT    /_fake/tokens         ``{"dead": ["…"], "strange": []}``: unregistered, and of another environment
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clarion import clock
from clarion.dev.fakes.apns_rules import Refusal, refusal_of, token_fault
from clarion.dev.fakes.http2 import Answered, Asked, Http2Server
from clarion.dev.fakes.serving import Fake

KEY_ID, TEAM_ID, TOPIC = "ABC123DEFG", "DEF123GHIJ", "com.example.shop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A message that was taken: by it the provider and Clarion's database are compared."""

    id: str
    token: str
    headers: Mapping[str, str]
    payload: object = field(repr=False)


class ApnsFake(Fake):
    """Apple's servers, which know one key and one application."""

    def __init__(
        self,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """*key* is the application's, made anew where none is given; *tls* has a certificate of the server's, without
        one it speaks HTTP/2 unencrypted."""
        super().__init__()
        self.taken: list[Pushed] = []
        self.dead: set[str] = set()
        #: Tokens of the other environment, or of another application.
        self.strange: set[str] = set()
        #: Tokens of access that are not good any more.
        self.expired: set[str] = set()
        self.access: set[str] = set()
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        self._scheme = "https" if tls else "http"
        self.server = Http2Server(self._take, self.faults, port=port, tls=tls)

    @property
    def key(self) -> str:
        """What an account's ``key`` is to be."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.server.port}"

    @property
    def commands(self) -> str:
        """Where it is commanded."""
        return super().url

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self.server.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.__aexit__()
        await super().__aexit__()

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_put("/_fake/tokens", self._mark)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    def note(self, pushed: Pushed) -> None:
        """A message was taken."""
        self.taken.append(pushed)

    def _take(self, asked: Asked) -> Answered:
        self.asked += 1
        access = asked.headers.get("authorization", "").removeprefix("bearer ")
        self.access.add(access)
        fault = token_fault(access, self._key.public_key(), key_id=KEY_ID, team_id=TEAM_ID, now=clock.now())
        if fault is None and access in self.expired:
            fault = Refusal(403, "ExpiredProviderToken")
        refusal = fault or refusal_of(asked, TOPIC, dead=self.dead, strange=self.strange)
        id = asked.headers.get("apns-id", "")
        if refusal is not None:
            return Answered(status=refusal.http, headers={"apns-id": id}, body=refusal.body(clock.now()))
        told = {name: text for name, text in asked.headers.items() if name.startswith("apns-")}
        token = asked.path.rpartition("/")[2]
        self.note(Pushed(id=id, token=token, headers=told, payload=json.loads(asked.body)))
        return Answered(status=200, headers={"apns-id": id})

    async def _mark(self, request: web.Request) -> web.Response:
        try:
            told = json.loads(await request.text())
            marked = {name: {str(token) for token in told.get(name, ())} for name in ("dead", "strange")}
        except (ValueError, TypeError, AttributeError) as error:
            return web.Response(status=422, text=f"{error}\n")
        self.dead, self.strange = marked["dead"], marked["strange"]
        return web.Response(status=204)
