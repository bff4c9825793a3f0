"""Apple's push service and one for browsers, as `clarion.dev.fakes.pushes` has them: whoever is named is known.

Of a browser whose push service is elsewhere the words stay sealed: only it could read them.
"""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from clarion.dev.fakes import apns, webpush
from clarion.dev.fakes.chat_message import Said
from clarion.dev.fakes.webpush_browser import Browser

#: Where what is for other push services comes in.
_ELSEWHERE = "/elsewhere/{host}"
#: The browser that is there from the start.
_FIRST = "browser"


class CaughtApns(apns.ApnsFake):
    """It hands on what it takes."""

    def __init__(self, take: Callable[[Said], None], *, key: ec.EllipticCurvePrivateKey, port: int) -> None:
        super().__init__(key=key, port=port)
        self._took = take

    @property
    def account(self) -> Mapping[str, str]:
        """What an account at it is to be."""
        about = {"key_id": apns.KEY_ID, "team_id": apns.TEAM_ID, "topic": apns.TOPIC}
        return {"base_url": self.url, "key": self.key, **about}

    def note(self, pushed: apns.Pushed) -> None:
        payload = pushed.payload if isinstance(pushed.payload, dict) else {}
        alert = payload.get("aps", {}).get("alert", {})
        self._took(Said(id=pushed.id, provider="apns", room=pushed.token, text=words_of(alert), body=payload))


class CaughtWebPush(webpush.WebPushFake):
    """Its browsers grow from its key and their ids: a new start knows those of the one before."""

    def __init__(self, take: Callable[[Said], None], *, key: ec.EllipticCurvePrivateKey) -> None:
        super().__init__()
        self._took = take
        self._key = key
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self._public = urlsafe_b64encode(point).rstrip(b"=").decode()

    @property
    def account(self) -> Mapping[str, str]:
        """What an account at it is to be."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        return {
            "base_url": self.url,
            "private_key": pem,
            "subject": "mailto:caught@clarion.example",
            "elsewhere": "caught",
        }

    @property
    def token(self) -> str:
        """The subscription of the browser that is there from the start."""
        subscription = self.browser_of(_FIRST).subscription(f"{self.url}/push/{_FIRST}")
        return json.dumps(subscription, separators=(",", ":"))

    def browser_of(self, id: str) -> Browser:
        scalar = self._key.private_numbers().private_value.to_bytes(32, "big")
        return Browser(self._public, seed=scalar + id.encode())

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/push/{id}", self._push)
        router.add_post(_ELSEWHERE, self._seal)

    def note(self, pushed: webpush.Pushed) -> None:
        body = pushed.message if isinstance(pushed.message, dict) else {}
        shown = body.get("notification", {})
        self._took(Said(id=pushed.id, provider="webpush", room=pushed.browser, text=words_of(shown), body=body))

    async def _seal(self, request: web.Request) -> web.Response:
        """One for a browser of somebody else's, which nobody here can read."""
        host, size = request.match_info["host"], len(await request.read())
        id = secrets.token_urlsafe(24)
        text = f"({size:,} bytes that only the browser itself could read)"
        self._took(Said(id=id, provider="webpush", room=host, text=text, body={"bytes": size}))
        return web.Response(status=201, headers={"location": f"/m/{id}"})


def words_of(shown: object) -> str:
    """What the screen shows: title and body."""
    said = shown if isinstance(shown, dict) else {}
    return "\n".join(str(said[name]) for name in ("title", "body") if said.get(name))
