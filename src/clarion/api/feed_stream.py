"""A feed live, as server-sent events (WHATWG HTML, 9.2): what changed, with the number to go on from as its id.

Whoever comes again says by ``Last-Event-ID`` what is known, and is told of all that changed since, so nothing is
missed; a heartbeat finds out who is gone. A browser's `EventSource` opens it with a ticket, anything else with a token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import orjson
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from clarion import clock
from clarion.api import faults, problem
from clarion.api.bucket import Crowd
from clarion.api.feed import show_changes
from clarion.api.feed_door import PATH, ReadersDoor
from clarion.api.gate import too_many_at_once
from clarion.api.operation import JSON_OPTIONS, Answer, read_query
from clarion.api.schema.feed import MOST_REV, StreamQuestion, TokenReply
from clarion.api.services import Services
from clarion.domain.scope import Scope as Allowed
from clarion.errors import ClarionError, Fault
from clarion.inbox.live import Follower, News
from clarion.inbox.tokens import Pass
from clarion.store import feed_changes

#: How often something is said even when nothing changed.
HEARTBEAT_S: Final = 15.0
_QUESTION: Final = TypeAdapter(StreamQuestion)
_HEADERS: Final = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def routes() -> list[tuple[str, dict[str, Any]]]:
    """The paths, and what the router and the description are told of them."""
    parameters: list[dict[str, Any]] = [
        {"name": "Last-Event-ID", "in": "header", "description": "What is known.", "schema": {"type": "integer"}},
        *(
            {"name": name, "in": "query", "description": schema.pop("description"), "schema": schema}
            for name, schema in StreamQuestion.model_json_schema()["properties"].items()
        ),
    ]
    events = {"description": "Events `changes`, each with what changed.", "content": {"text/event-stream": {}}}
    security: list[dict[str, list[str]]] = [{"token": []}]
    return [
        (
            f"{PATH}/tickets",
            {
                "methods": ["POST"],
                "operation_id": "mintFeedTicket",
                "summary": "Make a ticket that opens one stream of the own feed",
                "description": "For recipients, by their token: good for one use within 30 seconds.",
                "tags": ["feed"],
                "status_code": 201,
                "response_model": None,
                "responses": {201: {"model": TokenReply}},
                "openapi_extra": {"security": security},
            },
        ),
        (
            f"{PATH}/events",
            {
                "methods": ["GET"],
                "operation_id": "followOwnFeed",
                "summary": "Follow the own feed live",
                "description": "For recipients, by a ticket or a token: server-sent events until that expires.",
                "tags": ["feed"],
                "status_code": 200,
                "response_model": None,
                "responses": {200: events},
                "openapi_extra": {"security": [*security, {}], "parameters": parameters},
            },
        ),
    ]


class Streams:
    """The two routes, and how many streams there are."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tokens = services.tokens
        self._door = ReadersDoor(services.tokens, services.strangers)
        self._of_tenants: Crowd[object] = Crowd(services.feeds.per_tenant)
        self._of_recipients: Crowd[object] = Crowd(services.feeds.per_recipient)

    async def mint(self, request: Request) -> Response:
        """A ticket for whoever shows a token."""
        with self._counted("mintFeedTicket") as said:
            reader = await self._door.admit(request.headers.get("authorization"), Allowed.FEED_READ, _address(request))
            self._services.gate.enter(reader.tenant_id)
            try:
                await request.body()  # there is nothing that it could say
                minted = self._tokens.ticket(reader.pass_)
            finally:
                self._services.gate.leave(reader.tenant_id)
            content = {"token": minted.text, "expires_at": minted.expires_at}
            said.append(201)
            return Answer(status=201, content=content, headers={"Cache-Control": "no-store"}).response()

    async def follow(self, request: Request) -> Response:
        """The stream. Raises `Refusal`: 401 for who has no ticket, or a used one; 429 when there are too many."""
        with self._counted("followOwnFeed") as said:
            asked: StreamQuestion = read_query(_QUESTION, request)
            rev = _last_event_id(request)
            pass_ = await self._passed(request, asked.ticket)
            stream = _Stream(self._services, pass_, asked.since if rev is None else rev, self)
            said.append(200)
            return stream

    async def _passed(self, request: Request, ticket: str | None) -> Pass:
        if ticket is None:
            return (
                await self._door.admit(request.headers.get("authorization"), Allowed.FEED_READ, _address(request))
            ).pass_
        found = self._tokens.read_ticket(ticket)
        if found is not None:
            async with self._services.connection() as connection:
                if await feed_changes.redeem(connection, found.id, found.expires_at):
                    return found
        raise self._door.refusal(_address(request), "This ticket opens nothing any more: ask for another by your token")

    @contextmanager
    def entered(self, pass_: Pass) -> Iterator[None]:
        """One stream more, for as long as the block lasts. Raises `Refusal` (429) when there are too many."""
        feed = pass_.feed
        for crowd, who, of in (
            (self._of_tenants, feed.tenant_id, "of a tenant"),
            (self._of_recipients, feed, "of a recipient"),
        ):
            if not crowd.enter(who):
                if crowd is self._of_recipients:
                    self._of_tenants.leave(feed.tenant_id)
                raise too_many_at_once(f"at most {crowd.most} feeds {of} are open at once: close one", crowd.most)
        self._services.metrics.feeds(1)
        try:
            yield
        finally:
            self._services.metrics.feeds(-1)
            self._of_recipients.leave(feed)
            self._of_tenants.leave(feed.tenant_id)

    @contextmanager
    def _counted(self, operation: str) -> Iterator[list[int]]:
        began, said = clock.monotonic(), [500]
        try:
            yield said
        except ClarionError as error:
            said.append(problem.status_of(error))
            raise
        finally:
            self._services.metrics.answered(operation, said[-1], clock.monotonic() - began)


class _Stream(Response):
    """One answer that goes on until its time is over, the client is gone, or this process stops."""

    def __init__(self, services: Services, pass_: Pass, rev: int | None, streams: Streams) -> None:
        self.background = None
        self.status_code = 200
        self._services = services
        self._pass = pass_
        self._rev = rev
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with (
            self._streams.entered(self._pass),
            self._services.live.follow(self._pass.feed, self._rev) as follower,
        ):
            gone = asyncio.ensure_future(_gone(receive))
            gone.add_done_callback(lambda _: follower.came.set())
            try:
                await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
                await _say(send, b"retry: 2000\n\n")
                until = clock.monotonic() + (self._pass.until - clock.now()).total_seconds()
                while not gone.done() and not self._services.closing.is_set():
                    left = until - clock.monotonic()
                    if left <= 0:
                        break
                    await _say(send, await self._next(follower, min(left, HEARTBEAT_S)))
            finally:
                gone.cancel()
            await send({"type": "http.response.body", "body": b""})

    async def _next(self, follower: Follower, at_most_s: float) -> bytes:
        try:
            async with asyncio.timeout(at_most_s):
                await follower.came.wait()
        except TimeoutError:
            return b": still here\n\n"
        news = follower.take()
        return b"" if news is None else _event(news)


def _event(news: News) -> bytes:
    data = orjson.dumps(show_changes(news.counts, news.items), option=JSON_OPTIONS)
    return b"id: %d\nevent: changes\ndata: %b\n\n" % (news.counts.rev, data)


async def _say(send: Send, data: bytes) -> None:
    if data:
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _last_event_id(request: Request) -> int | None:
    text = request.headers.get("last-event-id")
    if text is None or text == "":
        return None
    if not text.isascii() or not text.isdigit() or int(text[:20]) > MOST_REV:
        raise faults.invalid([Fault("Last-Event-ID", "it is the `id` of an event of this stream", "type")])
    return int(text)


def _address(request: Request) -> str:
    client = request.scope["client"]
    return client[0] if client else ""
