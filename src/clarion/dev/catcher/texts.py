"""What gateways have caught, text, chat and push messages: a page of each for people, and JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson
from liquid import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from clarion.dev.catcher.api import MOST, number
from clarion.dev.catcher.pages import LOOK, PAGE
from clarion.dev.fakes.chat_message import Said
from clarion.dev.fakes.twilio_message import Taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """The messages of one channel, which grow meanwhile."""

    #: Of the path, and of the list in the JSON.
    name: str
    #: As the page calls them, and one of them.
    heading: str
    one: str
    taken: Sequence[Any]
    #: What people see of one: `to`, `sender`, `body`, `status` and `when`.
    row: Callable[[Any], Mapping[str, str]]


def texts(taken: Sequence[Taken]) -> Caught:
    """The text messages that were *taken*."""

    def row(one: Taken) -> Mapping[str, str]:
        return {"to": one.to, "sender": one.sender, "body": one.body, "status": one.status, "when": one.created}

    return Caught(name="texts", heading="Text messages", one="text message", taken=taken, row=row)


def chats(taken: Sequence[Said]) -> Caught:
    """The chat messages that were *taken*."""

    def row(one: Said) -> Mapping[str, str]:
        return {"to": one.room, "sender": one.provider, "body": one.text, "status": "sent", "when": one.when}

    return Caught(name="chats", heading="Chat messages", one="chat message", taken=taken, row=row)


def pushes(taken: Sequence[Said]) -> Caught:
    """The push messages that were *taken*."""
    return replace(chats(taken), name="pushes", heading="Push messages", one="push message")


def routes(caught: Sequence[Caught]) -> list[Route]:
    """The routes over all that was *caught*."""
    look = Environment(autoescape=True, loader=FileSystemLoader(LOOK))
    return [route for one in caught for route in _routes(one, [each for each in caught if each is not one], look)]


def _routes(caught: Caught, others: Sequence[Caught], look: Environment) -> list[Route]:
    taken = caught.taken

    async def page(request: Request) -> Response:
        """``GET /texts?q=&live=``: the newest first."""
        query = request.query_params.get("q", "")[:200]
        live = "live" in request.query_params
        words = {
            "title": f"Caught {caught.heading.lower()}",
            "path": f"/{caught.name}",
            "heading": caught.heading,
            "one": caught.one,
            "others": [{"path": f"/{other.name}", "heading": other.heading} for other in others],
            "query": query,
            "live": live,
            "count": f"{len(taken):,}",
            "texts": [caught.row(one) for one in _found(caught, query, PAGE)],
        }
        html = look.get_template("texts.html").render(**words)
        return HTMLResponse(html, headers={"refresh": "2"} if live else None)

    async def data(request: Request) -> Response:
        """``GET /api/texts?limit=&q=``: the newest first, with what became of each."""
        limit = number(request.query_params.get("limit"), 50, MOST) or 1
        found = [asdict(one) for one in _found(caught, request.query_params.get("q", ""), limit)]
        for one in found:
            one.pop("status_callback", None)
        return Response(orjson.dumps({caught.name: found, "taken": len(taken)}), media_type="application/json")

    return [
        Route(f"/{caught.name}", page, methods=["GET"]),
        Route(f"/api/{caught.name}", data, methods=["GET"]),
    ]


def _found(caught: Caught, query: str, limit: int) -> list[Any]:
    """The newest that have *query* in where they went, sender or words, in any case."""
    words = query.casefold().strip()
    found: list[Any] = []
    for one in reversed(caught.taken):
        row = caught.row(one)
        if words in f"{row['to']}\n{row['sender']}\n{row['body']}".casefold():
            found.append(one)
            if len(found) == limit:
                break
    return found
