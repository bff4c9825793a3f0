"""Links of messages by which recipients unsubscribe, by HTTP and without a key of ours (RFC 8058).

A GET changes nothing, for programs that look for malice follow every link of a mail. A POST unsubscribes, whoever sends
it: a mail program with one click, or a person by the button. What it carries is not looked at: all that can be done
with a link is to unsubscribe one address from one category, and that is what the link itself says.
"""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from clarion import clock
from clarion.api import problem, unsubscribe_page
from clarion.api.services import Services
from clarion.domain.unsubscribe import PATH as BASE
from clarion.errors import ClarionError
from clarion.flows.unsubscribe import unsubscribe

PATH: Final = f"{BASE}/{{token}}"
#: Method, name and summary of each operation.
OPERATIONS: Final = (
    ("GET", "askToUnsubscribe", "Show a page that asks whether to unsubscribe; nothing is changed"),
    ("POST", "unsubscribe", "Unsubscribe, with one click"),
)
_IDS: Final = {method: id for method, id, _ in OPERATIONS}


def routes() -> list[dict[str, Any]]:
    """What the router and the description are told of them."""
    return [_route(method, id, summary) for method, id, summary in OPERATIONS]


def _route(method: str, id: str, summary: str) -> dict[str, Any]:
    extra: dict[str, Any] = {
        "security": [],
        "parameters": [
            {
                "name": "token",
                "in": "path",
                "required": True,
                "description": "As it stands in the link.",
                "schema": {"type": "string"},
            }
        ],
    }
    if method == "POST":
        body = {"type": "object", "properties": {"List-Unsubscribe": {"const": "One-Click"}}}
        kinds = ("application/x-www-form-urlencoded", "multipart/form-data")
        extra["requestBody"] = {"content": {kind: {"schema": body} for kind in kinds}}
    return {
        "methods": [method],
        "operation_id": id,
        "summary": summary,
        "description": "For recipients and their mail programs: the token is all that is asked for.",
        "tags": ["unsubscribe"],
        "status_code": 200,
        "response_model": None,
        "response_class": HTMLResponse,
        "responses": {404: {"description": "There is no such link."}},
        "openapi_extra": extra,
    }


class Exit:
    """The route."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._links = services.links

    async def answer(self, request: Request) -> Response:
        """A page. Raises `Refusal` (429), or what the database raises (503)."""
        began = clock.monotonic()
        status = 500
        try:
            response = await self._answer(request)
            status = response.status_code
        except ClarionError as error:
            status = problem.status_of(error)
            raise
        finally:
            self._services.metrics.answered(_IDS.get(request.method, _IDS["GET"]), status, clock.monotonic() - began)
        return response

    async def _answer(self, request: Request) -> Response:
        services, client = self._services, request.scope["client"]
        services.visitors.enter(client[0] if client else "")
        language = request.headers.get("accept-language", "")
        link = self._links.read(request.path_params["token"])
        if link is None:
            return unsubscribe_page.unknown(language)
        if request.method != "POST":
            return unsubscribe_page.ask(link, language)
        await request.body()  # whoever sends one sends it to the end
        hearing = services.hearing
        if hearing is not None:
            await hearing.keep_up()
        async with services.transaction() as connection:
            await unsubscribe(connection, link, hearing)
        if hearing is not None:
            hearing.ring()
        return unsubscribe_page.done(link, language)
