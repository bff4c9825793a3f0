"""Recipients at the door: with a token for their own feed, from pages that the installation knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion.api.gate import Strangers
from clarion.api.problem import Refusal
from clarion.domain.scope import Scope as Allowed
from clarion.inbox.tokens import Pass, Tokens
from clarion.store.feed_changes import Feed

#: Where recipients come; everything below it too.
PATH: Final = "/v1/feed"
_MAY: Final = frozenset({Allowed.FEED_READ, Allowed.FEED_WRITE})


@dataclass(frozen=True, slots=True)
class Reader:
    """A recipient who may read and mark the own feed, and nothing else."""

    pass_: Pass

    @property
    def feed(self) -> Feed:
        """The one feed there is for them."""
        return self.pass_.feed

    @property
    def tenant_id(self) -> UUID:
        """Whose recipient it is."""
        return self.feed.tenant_id

    @property
    def place(self) -> Mapping[str, str]:
        """Who it is: not for the request to say."""
        return {"id": self.feed.recipient_id}

    def may(self, needed: Allowed) -> bool:
        """Whether it is for the own feed."""
        return needed in _MAY


class ReadersDoor:
    """Lets in who shows a token."""

    def __init__(self, tokens: Tokens, strangers: Strangers) -> None:
        self._tokens = tokens
        self._strangers = strangers

    async def admit(self, authorization: str | None, needed: Allowed | None, address: str) -> Reader:
        """Whose token it is. Raises `Refusal`: 401 when it does not open, 429 when too many from *address* did not."""
        scheme, _, given = (authorization or "").partition(" ")
        found = self._tokens.read_token(given.strip()) if scheme.lower() == "bearer" else None
        if found is None:
            raise self.refusal(address, "A token of the recipient is needed: Authorization: Bearer …")
        return Reader(found)

    def refusal(self, address: str, text: str) -> Refusal:
        """What is said to somebody from *address* who brought nothing that opens; raises it when that was too often."""
        self._strangers.failed(address)
        return Refusal(401, "unauthorized", text, headers={"WWW-Authenticate": "Bearer"})


class Origins:
    """Wraps *app*: of pages of other origins only those that are *allowed* reach `PATH` (CORS, as Fetch has it)."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if scope["type"] != "http" or not (path == PATH or path.startswith(f"{PATH}/")):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        if origin is not None and origin not in self._allowed:
            text = f"pages of {origin[:200]} may not read feeds: name their origin in `feed.origins`"
            raise Refusal(403, "origin_not_allowed", text)
        if origin is not None and scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            await send({"type": "http.response.start", "status": 204, "headers": _preflight(origin).raw})
            await send({"type": "http.response.body", "body": b""})
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start" and origin is not None:
                MutableHeaders(scope=message).update(_shared(origin))
            await send(message)

        await self._app(scope, receive, answer)


def _shared(origin: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": "Retry-After, Link, X-Request-Id, Idempotency-Replayed",
        "Vary": "Origin",
    }


def _preflight(origin: str) -> MutableHeaders:
    return MutableHeaders(
        {
            **_shared(origin),
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": "Authorization, Content-Type, Last-Event-ID, Idempotency-Key",
            "Access-Control-Max-Age": "7200",
        }
    )
