"""Opens and clicks, by HTTP and without a key of ours: a picture of one point, and where a link leads.

Both do the same for everybody, whatever is thought of who asks: machines are counted apart, not turned away. A link
leads where its token says and nowhere else; what was not made here leads nowhere.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import idna
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from clarion import clock
from clarion.api import problem
from clarion.api.services import Services
from clarion.domain.engagement import CLICKS_PATH, OPENS_PATH, Kind, Trace, is_machine
from clarion.errors import ClarionError, NotFound
from clarion.flows.engagement import COLLECTED, Engagement

#: Name, path, summary and success of each operation, all of them GET. HEAD is answered the same, and counts nothing.
OPERATIONS: Final = {
    Kind.OPENED: ("noteOpen", f"{OPENS_PATH}/{{token}}", "Get a picture of one point, which tells of an open", 200),
    Kind.CLICKED: (
        "followLink",
        f"{CLICKS_PATH}/{{token}}",
        "Be led where a link leads, which tells of a click",
        302,
    ),
}

#: The host of an address, and what stands around it.
_HOST = re.compile(r"(https?://(?:[^/?#]*@)?)([^/?#:\[\]]+)(.*)", re.IGNORECASE | re.DOTALL)
#: A GIF of one transparent point.
_POINT: Final = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
_HEADERS: Final = {
    "Cache-Control": "no-store, private, max-age=0",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


def routes() -> list[tuple[str, dict[str, Any]]]:
    """The paths, each with what the router and the description are told of it."""
    return [(path, _route(id, summary, status)) for id, path, summary, status in OPERATIONS.values()]


def _route(id: str, summary: str, status: int) -> dict[str, Any]:
    token = {
        "name": "token",
        "in": "path",
        "required": True,
        "description": "As it stands in the mail.",
        "schema": {"type": "string"},
    }
    content = {"image/gif": {"schema": {"type": "string", "format": "binary"}}} if status == 200 else {}
    return {
        "methods": ["GET"],
        "operation_id": id,
        "summary": summary,
        "description": "For mail programs and browsers: the token is all that is asked for.",
        "tags": ["engagement"],
        "status_code": status,
        "response_model": None,
        "response_class": Response,
        "responses": {
            status: {"description": "The picture." if content else "Where it leads.", "content": content},
            404: {"description": "There is no such link."},
        },
        "openapi_extra": {"security": [], "parameters": [token]},
    }


class Traced:
    """The routes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._traces = services.traces
        self._engagement = Engagement(services.pool, soon=services.machine_within)

    async def open(self, request: Request) -> Response:
        """The picture, of any token: a mail with a broken one in it looks worse. Raises `Refusal` (429)."""
        return await self._counted(request, Kind.OPENED)

    async def click(self, request: Request) -> Response:
        """Where the link leads. Raises `Refusal` (429) and `NotFound`."""
        return await self._counted(request, Kind.CLICKED)

    async def _counted(self, request: Request, kind: Kind) -> Response:
        began = clock.monotonic()
        status = 500
        try:
            response = self._answer(request, kind)
            status = response.status_code
        except ClarionError as error:
            status = problem.status_of(error)
            raise
        finally:
            self._services.metrics.answered(OPERATIONS[kind][0], status, clock.monotonic() - began)
        return response

    def _answer(self, request: Request, kind: Kind) -> Response:
        client = request.scope["client"]
        self._services.readers.enter(client[0] if client else "")
        trace = self._traces.read(request.path_params["token"])
        if trace is not None and trace.kind is not kind:
            trace = None
        if kind is Kind.CLICKED and trace is None:
            raise NotFound("this link does not lead anywhere: perhaps a part of it is missing")
        writing = self._note(trace, request) if trace is not None and request.method == "GET" else None
        if trace is not None and trace.url is not None:
            return RedirectResponse(_as_header(trace.url), status_code=302, headers=_HEADERS, background=writing)
        return Response(_POINT, media_type="image/gif", headers=_HEADERS, background=writing)

    def _note(self, trace: Trace, request: Request) -> BackgroundTask | None:
        """Keep it in mind; what writes all of that down behind the answer, where nobody else does."""
        headers: Mapping[str, str] = request.headers
        machine = is_machine(headers)
        self._services.metrics.engaged(trace.kind.value, machine=machine)
        first = self._engagement.add(trace.tenant_id, trace.message_id, trace.kind, machine=machine, at=clock.now())
        return BackgroundTask(self._engagement.write, self._moment) if first else None

    async def _moment(self) -> None:
        """Until enough may have come; no longer where this process is about to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(COLLECTED.total_seconds()):
                await self._services.closing.wait()


def _as_header(url: str) -> str:
    """*url* with its host as DNS has it: percent-encoded, as the rest will be, it is found by browsers alone."""
    found = _HOST.fullmatch(url)
    if found is not None and not found[2].isascii():
        with suppress(idna.IDNAError):  # what is no name stays what it is
            return f"{found[1]}{idna.encode(found[2], uts46=True).decode('ascii')}{found[3]}"
    return url
