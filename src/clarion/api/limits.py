"""The outermost layer: what every request must keep to before anything looks at what it says.

Plain ASGI. It names the request, refuses what is too large or of a kind we do not read, bounds how long a body may
take, answers with a problem document whatever goes wrong inside, and writes the access log.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clarion import clock
from clarion.api import problem
from clarion.api.problem import Refusal
from clarion.channels.account import LARGEST_CALLBACK
from clarion.channels.base import CALLBACKS_PATH
from clarion.domain.engagement import CLICKS_PATH, OPENS_PATH
from clarion.domain.unsubscribe import PATH as LINKS_PATH
from clarion.errors import ClarionError

log = structlog.get_logger("clarion.api")

MIB: Final = 1024 * 1024
MAX_HEADERS: Final = 16 * 1024
#: What a mail program sends along when it unsubscribes somebody fits in this.
MAX_VISIT: Final = 8 * 1024
BODY_TIMEOUT_S: Final = 30.0
#: Where files are uploaded, and how long that may take.
UPLOADS_PATH: Final = "/v1/attachments"
UPLOAD_TIMEOUT_S: Final = 300.0
#: Never in the access log: something asks for them every second.
QUIET: Final = frozenset({"/livez", "/readyz", "/healthz", "/startupz", "/metrics"})

#: How much of a body that was refused is still read and thrown away, so that the answer reaches a client that is
#: still sending: closing at once would reset the connection under it.
_LINGER_BYTES: Final = 64 * MIB
_LINGER_S: Final = 2.0

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_.:-]{1,128}")
_BULK: Final = re.compile(r"/bulk$|/members$|/members/remove$")
_CALLBACKS: Final = f"{CALLBACKS_PATH}/"
_LINKS: Final = f"{LINKS_PATH}/"
#: Paths of which the log shows the beginning alone: what follows is a token.
_SEALED: Final = (_LINKS, f"{OPENS_PATH}/", f"{CLICKS_PATH}/")
_NONE: Final[Mapping[str, int]] = MappingProxyType({})
_JSON: Final = re.compile(rb"application/json(?:\s*;\s*charset=\"?utf-8\"?)?", re.IGNORECASE)


class Limits:
    """Wraps *app*; see the module. *max_bulk_body* is for routes that take lists of thousands.

    *callbacks* are the kinds of providers whose requests may be larger or smaller than others', and how large.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_body: int = MIB,
        max_bulk_body: int = 8 * MIB,
        max_upload: int = 20 * MIB,
        access_log: bool = True,
        callbacks: Mapping[str, int] = _NONE,
    ) -> None:
        self._app = app
        self._max_body = max_body
        self._max_bulk_body = max_bulk_body
        self._max_upload = max_upload
        self._access_log = access_log
        self._callbacks = callbacks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        exchange = _Exchange(scope, receive, send, _request_id(headers))
        exchange.limit = self._limit(scope["path"])
        scope["state"]["request_id"] = exchange.request_id
        started = clock.monotonic()
        try:
            _check_headers(scope, headers, exchange.limit)
            if not scope["path"].startswith((_CALLBACKS, _LINKS)) and scope["path"] != UPLOADS_PATH:
                _check_kind(headers)
            await self._app(scope, exchange.receive, exchange.send)
        except ClarionError as error:
            await exchange.refuse(error)
        except Exception:
            log.exception("http.failed", request_id=exchange.request_id, method=scope["method"])
            await exchange.refuse(ClarionError())
        if self._access_log and scope["path"] not in QUIET:
            log.info(
                "http.answered",
                request_id=exchange.request_id,
                method=scope["method"],
                path=_shown(scope["path"]),
                status=exchange.status,
                ms=round((clock.monotonic() - started) * 1000, 1),
            )

    def _limit(self, path: str) -> int:
        """How many bytes the body of a request for *path* may have."""
        if path.startswith(_CALLBACKS):
            kind = path[len(_CALLBACKS) :].partition("/")[0]
            return min(self._callbacks.get(kind, LARGEST_CALLBACK), self._max_body)
        if path.startswith(_LINKS):
            return min(MAX_VISIT, self._max_body)
        if path == UPLOADS_PATH:
            return self._max_upload
        return self._max_bulk_body if _BULK.search(path) else self._max_body


def _shown(path: str) -> str:
    """*path* as the log may have it."""
    return next((f"{start}…" for start in _SEALED if path.startswith(start)), path)


class _Exchange:
    """One request and its answer, as they pass through."""

    limit: int

    def __init__(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        self.request_id = request_id
        self.status = 0
        self._path: str = scope["path"]
        self._receive = receive
        self._send = send
        self._received = 0
        allowed_s = UPLOAD_TIMEOUT_S if self._path == UPLOADS_PATH else BODY_TIMEOUT_S
        self._deadline = asyncio.get_running_loop().time() + allowed_s
        self._expects_continue = any(name == b"expect" for name, _ in scope["headers"])

    async def receive(self) -> Message:
        """The next piece of the body, as long as it is within the limits."""
        try:
            # Once the answer has begun, this only waits for the client to go away.
            async with asyncio.timeout_at(None if self.status else self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise Refusal(408, "too_slow", "the body did not arrive in time", headers=_CLOSE) from None
        self._received += len(message.get("body", b""))
        if self._received > self.limit:
            raise _too_large(self.limit)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), (b"x-request-id", self.request_id.encode())]
        await self._send(message)

    async def refuse(self, error: ClarionError) -> None:
        """Answer *error*, unless an answer has begun: then all that can be done is to break it off."""
        if self.status:
            return
        answer = problem.response(error, instance=self._path, request_id=self.request_id)
        await self.send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
        closing = answer.headers.get("connection") == "close"
        await self._send({"type": "http.response.body", "body": bytes(answer.body), "more_body": closing})
        if closing:
            await self._linger()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _linger(self) -> None:
        if self._expects_continue:  # the body was never sent
            return
        try:
            async with asyncio.timeout(_LINGER_S):
                while self._received < _LINGER_BYTES:
                    message = await self._receive()
                    self._received += len(message.get("body", b""))
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return
        except TimeoutError:
            return


_CLOSE: Final = {"Connection": "close"}
#: Headers that have one value. Of those that say where a request ends, the parser has made sure.
_ONCE: Final = (b"host", b"authorization", b"content-type", b"content-encoding", b"transfer-encoding")


def _too_large(limit: int) -> Refusal:
    return Refusal(413, "too_large", f"the body of this request may have {limit} bytes", headers=_CLOSE)


def _request_id(headers: dict[bytes, bytes]) -> str:
    given = headers.get(b"x-request-id", b"")
    return given.decode() if _REQUEST_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"


def _check_headers(scope: Scope, headers: dict[bytes, bytes], limit: int) -> None:
    """Raise `Refusal` for what the headers alone show to be unacceptable."""
    if _size(scope["headers"]) + len(scope["raw_path"]) + len(scope["query_string"]) > MAX_HEADERS:
        raise Refusal(431, "headers_too_large", f"headers may have {MAX_HEADERS} bytes in all", headers=_CLOSE)
    if len(headers) != len(scope["headers"]):
        _check_repeated([name for name, _ in scope["headers"]])
    if b"host" not in headers and scope["http_version"] == "1.1":
        raise Refusal(400, "invalid_http", "a request of HTTP/1.1 says its Host", headers=_CLOSE)
    if int(headers.get(b"content-length", b"0")) > limit:
        raise _too_large(limit)
    if not _is_plain(headers):
        raise Refusal(415, "unsupported_encoding", "compressed bodies are not accepted")
    if b"%" in scope["raw_path"] and b"%2f" in scope["raw_path"].lower():
        raise Refusal(422, "invalid_id", "an id in a path cannot contain a slash")


def _check_kind(headers: dict[bytes, bytes]) -> None:
    """Raise `Refusal` for a body of a kind that no operation takes. What a provider sends is of its own kind."""
    has_body = int(headers.get(b"content-length", b"0")) > 0 or b"transfer-encoding" in headers
    kind = headers.get(b"content-type")
    if (has_body or kind is not None) and _JSON.fullmatch((kind or b"").strip()) is None:
        raise Refusal(415, "unsupported_media_type", "send application/json")


def _check_repeated(names: list[bytes]) -> None:
    """Raise `Refusal` for a header given twice whose two values contradict each other: which one counts is a guess."""
    for name in _ONCE:
        if names.count(name) > 1:
            raise Refusal(400, "invalid_http", f"{name.decode()} is given more than once", headers=_CLOSE)


def _is_plain(headers: dict[bytes, bytes]) -> bool:
    """Whether the body comes as it is: neither it nor its transfer is compressed."""
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    return (
        encoding in (b"", b"identity") and headers.get(b"transfer-encoding", b"chunked").strip().lower() == b"chunked"
    )


def _size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)
