"""The HTTP side of the catcher: its routes, and what guards them all."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.dev.catcher import api, pages, texts
from clarion.dev.catcher.caught import Caught
from clarion.dev.catcher.spool import Spool

#: For every answer that does not bring its own. No script runs on any page, so none is allowed.
HEADERS: Mapping[str, str] = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; frame-ancestors 'none'; "
        "base-uri 'none'; form-action 'self'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def application(spool: Spool, host: str, smtp_address: str, caught: Sequence[Caught]) -> Starlette:
    """The pages and the JSON over *spool* and what else was *caught*.

    For browsers that call us *host*, a loopback name or an address.
    """
    return Starlette(
        routes=[*pages.routes(spool, smtp_address, caught), *api.routes(spool), *texts.routes(spool, caught)],
        middleware=[Middleware(_Guard, host=host.lower())],
    )


class _Guard:
    """Adds the headers, and turns away what another website makes a browser send.

    Caught mails hold sign-in links. A page of somebody else cannot read them (no CORS), but it could have its own name
    resolve to our address and then ask as itself (DNS rebinding): so the name asked for must be ours. And it could post
    a form to us: so what changes something must come from our own pages, or from no browser at all.
    """

    def __init__(self, app: ASGIApp, host: str) -> None:
        self._app = app
        self._host = host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in present),
                ]
            await send(message)

        headers = Headers(scope=scope)
        if not self._is_ours(headers.get("host", "")):
            answer = PlainTextResponse("This name is not the mail catcher's.\n", status_code=421)
            await answer(scope, receive, send_with_headers)
        elif scope["method"] not in ("GET", "HEAD") and not _is_same_origin(headers):
            answer = PlainTextResponse("Only the mail catcher's own pages may do this.\n", status_code=403)
            await answer(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)

    def _is_ours(self, authority: str) -> bool:
        name = (urlsplit(f"//{authority}").hostname or "") if authority.isprintable() else ""
        if name in (self._host, "localhost") or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _is_same_origin(headers: Headers) -> bool:
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
