"""The API as one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any, Final

import orjson
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp

from clarion.api import (
    addresses,
    attachments,
    bindings,
    callbacks,
    chats,
    devices,
    engagement,
    feed,
    feed_stream,
    health,
    jobs,
    messages,
    preview,
    problem,
    providers,
    quarantine,
    queues,
    quotas,
    rates,
    recipients,
    repeats,
    retention,
    runs,
    schedules,
    sources,
    suppressions,
    timers,
    topics,
    triggers,
    trying,
    unsubscribe,
    webhooks,
)
from clarion.api.auth import Doorkeeper
from clarion.api.feed_door import Origins, ReadersDoor
from clarion.api.limits import Limits
from clarion.api.operation import Operation, endpoint
from clarion.api.problem import Refusal
from clarion.api.services import Services
from clarion.errors import ClarionError, NotFound, Unavailable
from clarion.store.database import AWAY

log = structlog.get_logger("clarion.api")

#: Every operation there is.
OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    *triggers.OPERATIONS,
    *preview.OPERATIONS,
    *attachments.OPERATIONS,
    *runs.OPERATIONS,
    *messages.OPERATIONS,
    *addresses.OPERATIONS,
    *devices.OPERATIONS,
    *chats.OPERATIONS,
    *webhooks.OPERATIONS,
    *recipients.OPERATIONS,
    *suppressions.OPERATIONS,
    *feed.OPERATIONS,
    *topics.OPERATIONS,
    *bindings.OPERATIONS,
    *sources.OPERATIONS,
    *quarantine.OPERATIONS,
    *timers.OPERATIONS,
    *queues.OPERATIONS,
    *providers.OPERATIONS,
    *trying.OPERATIONS,
    *rates.OPERATIONS,
    *quotas.OPERATIONS,
    *jobs.OPERATIONS,
    *schedules.OPERATIONS,
    *retention.OPERATIONS,
    *health.OPERATIONS,
)


#: Where the description is.
_DESCRIPTION: Final = "/openapi.json"


def build_api(services: Services) -> ASGIApp:
    """The application: all of `OPERATIONS`, health, and its own description."""
    app = Starlette(routes=list(routes(services)))
    app.router.redirect_slashes = False
    app.add_exception_handler(ClarionError, _tell)
    app.add_exception_handler(HTTPException, _tell_of_routing)
    app.add_exception_handler(ClientDisconnect, _tell_nobody)
    app.add_exception_handler(Exception, _tell_of_surprise)
    for error in AWAY:
        app.add_exception_handler(error, _tell_of_database)
    return Limits(
        Origins(app, services.feeds.origins),
        max_body=services.max_body,
        max_bulk_body=services.max_bulk_body,
        max_upload=services.attachments.largest,
        access_log=services.access_log,
        callbacks={account.kind.name: account.kind.largest_callback for account in services.accounts},
    )


def routes(services: Services) -> Iterator[Route]:
    """Every route; those with `include_in_schema` are the ones that the description has."""
    door = Doorkeeper(services.pool, services.pepper, services.strangers)
    for operation in OPERATIONS:
        yield _route(operation.path, endpoint(repeats.once(operation), services, door), [operation.method])
    yield _route(callbacks.PATH, callbacks.Desk(services).answer, callbacks.ROUTE["methods"])
    leave = unsubscribe.Exit(services)
    for route in unsubscribe.routes():
        yield _route(unsubscribe.PATH, leave.answer, route["methods"])
    yield _route(unsubscribe.PATH, leave.answer, ["HEAD"], described=False)
    traced = engagement.Traced(services)
    for (path, route), answer in zip(engagement.routes(), (traced.open, traced.click), strict=True):
        yield _route(path, answer, route["methods"])
        yield _route(path, answer, ["HEAD"], described=False)
    own_door = ReadersDoor(services.tokens, services.strangers)
    for operation in feed.OWN_OPERATIONS:
        yield _route(operation.path, endpoint(repeats.once(operation), services, own_door), [operation.method])
    streams = feed_stream.Streams(services)
    for (path, route), answer in zip(feed_stream.routes(), (streams.mint, streams.follow), strict=True):
        yield _route(path, answer, route["methods"])
    yield Route(_DESCRIPTION, _describe, include_in_schema=False)
    for path in ("/livez", "/healthz"):
        yield Route(path, health.live, include_in_schema=False)
    for path in ("/readyz", "/startupz"):
        yield Route(path, partial(health.ready, services), include_in_schema=False)


def _route(
    path: str, answer: Callable[[Request], Awaitable[Response]], methods: Sequence[str], *, described: bool = True
) -> Route:
    """A route with just these *methods*: no HEAD comes with a GET."""
    route = Route(path, answer, include_in_schema=described)
    route.methods = set(methods)
    return route


async def _describe(_: Request) -> Response:
    return Response(await asyncio.to_thread(_description), media_type="application/json")


@cache
def _description() -> bytes:
    """The OpenAPI document, written when it is first asked for: few ever do, and it takes most of a second."""
    from clarion.api import openapi

    return orjson.dumps(openapi.describe(OPERATIONS))


async def _tell(request: Request, error: Exception) -> Response:
    assert isinstance(error, ClarionError)
    return problem.response(error, instance=request.url.path, request_id=request.state.request_id)


async def _tell_nobody(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # the client went away before it had said everything


async def _tell_of_surprise(request: Request, _: Exception) -> Response:
    """The layer that calls this raises the error again: `Limits` logs it."""
    return await _tell(request, ClarionError())


async def _tell_of_database(request: Request, error: Exception) -> Response:
    log.warning("http.database_away", request_id=request.state.request_id, error=type(error).__name__)
    return await _tell(request, Unavailable("the database does not answer in time: try again"))


async def _tell_of_routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return await _tell(request, NotFound(f"there is nothing at {request.url.path[:200]}"))
    allowed = ", ".join(sorted(_methods(request)))
    text = f"{request.method} is not possible here: use {allowed}"
    return await _tell(request, Refusal(error.status_code, "method_not_allowed", text, headers={"Allow": allowed}))


def _methods(request: Request) -> set[str]:
    """All the methods that the path of *request* has: each is a route of its own."""
    found: set[str] = set()
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            found |= route.methods
    return found
