"""Callbacks: what providers tell of messages, by HTTP and without a key of ours.

What comes is believed only when the integration that it names has verified it, on its raw octets. Whatever is not
genuine is told nothing, and is looked at for as long whether the integration exists or not. What is genuine is answered
with 200, also when it changes nothing: a provider sends again what is answered otherwise.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

import structlog
from starlette.requests import Request
from starlette.responses import Response

from clarion import clock
from clarion.api import problem
from clarion.api.problem import Refusal
from clarion.api.services import Services
from clarion.channels.base import CALLBACKS_PATH, Callback, label_of
from clarion.errors import ClarionError, Forged, NotFound, Unavailable
from clarion.flows.callback import Told
from clarion.flows.reception import Reception

log = structlog.get_logger("clarion.api")

ID: Final = "receiveCallback"
PATH: Final = f"{CALLBACKS_PATH}/{{provider}}/{{integration}}"
SUMMARY: Final = "Take in what a provider tells of messages"

#: What the router and the description are told of it.
ROUTE: Final[dict[str, Any]] = {
    "methods": ["POST"],
    "operation_id": ID,
    "summary": SUMMARY,
    "description": "For providers: verified by what they sign, so no key is asked for. The body is as the provider"
    " sends it, of any media type, up to 256 KiB unless the kind needs more; the query is part of what is verified.",
    "tags": ["callbacks"],
    "status_code": 200,
    "response_model": None,
    "response_class": Response,
    "responses": {200: {"description": "It is genuine, and done, or needs no doing. There is nothing to say."}},
    "openapi_extra": {
        "security": [],
        "parameters": [
            {
                "name": "provider",
                "in": "path",
                "required": True,
                "description": "The kind of the integration, such as `twilio`.",
                "schema": {"type": "string"},
            },
            {
                "name": "integration",
                "in": "path",
                "required": True,
                "description": "Its name.",
                "schema": {"type": "string"},
            },
        ],
        "requestBody": {"required": True, "content": {"*/*": {"schema": {}}}},
    },
}


class Desk:
    """The route."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._reception = Reception(
            services.pool,
            wake=services.wake,
            hearing=services.hearing,
            soft=services.soft,
            patience_s=services.patience_s,
        )

    async def answer(self, request: Request) -> Response:
        """200 to what is genuine; raises `Refusal` (403, 429), `NotFound`, or what the database raises (503)."""
        began = clock.monotonic()
        status = 500
        try:
            await self._receive(request)
            status = 200
        except ClarionError as error:
            status = problem.status_of(error)
            raise
        finally:
            self._services.metrics.answered(ID, status, clock.monotonic() - began)
        return Response(status_code=200)

    async def _receive(self, request: Request) -> None:
        services, client = self._services, request.scope["client"]
        services.tellers.enter(client[0] if client else "")
        kind, name = request.path_params["provider"], request.path_params["integration"]
        callback = Callback(
            url=_url(services.public_url, request), headers=dict(request.headers), body=await request.body()
        )
        believes = services.integrations.get((kind, name))
        if believes is None:
            hmac.digest(_NOBODY, callback.body, "sha256")
            raise NotFound("there is no such integration")
        integration = label_of(kind, name)
        request_id = request.state.request_id
        try:
            reports = await believes.receive(callback, clock.now())
        except Unavailable as error:  # it comes again
            log.warning("callback.put_off", integration=integration, reason=error.message, request_id=request_id)
            raise Unavailable("it cannot be found out now whom this comes from: send it again") from None
        except Forged as error:
            services.metrics.told(integration, "forged")
            log.warning("callback.forged", integration=integration, reason=error.message, request_id=request_id)
            raise Refusal(403, "forged", "this does not come from whom it claims, or not just now") from None
        if not reports:
            services.metrics.told(integration, "empty")
            return
        told = [Told(integration=integration, report=report) for report in reports]
        for found in await self._reception.take(told):
            services.metrics.told(integration, found.finding.fate.value)


#: Stands in for the secret of an integration that does not exist: it takes as long to find out.
_NOBODY: Final = bytes(32)


def _url(public_url: str, request: Request) -> str:
    """The address that the provider was told, as it called it. What it says of the host is anybody's word: not used."""
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return public_url.rstrip("/") + (path + b"?" * bool(query) + query).decode("latin-1")
