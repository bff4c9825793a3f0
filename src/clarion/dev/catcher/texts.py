"""Caught text messages: a page for people, and JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import orjson
from liquid import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from clarion.dev.catcher.api import MOST, number
from clarion.dev.catcher.pages import LOOK, PAGE
from clarion.dev.fakes.twilio_message import Taken


def routes(taken: Sequence[Taken]) -> list[Route]:
    """The routes over what was *taken*, which grows meanwhile."""
    look = Environment(autoescape=True, loader=FileSystemLoader(LOOK))

    async def page(request: Request) -> Response:
        """``GET /texts?q=&live=``: the newest first."""
        query = request.query_params.get("q", "")[:200]
        live = "live" in request.query_params
        words = {
            "title": "Caught text messages",
            "query": query,
            "live": live,
            "count": f"{len(taken):,}",
            "texts": [_row(one) for one in _found(taken, query, PAGE)],
        }
        html = look.get_template("texts.html").render(**words)
        return HTMLResponse(html, headers={"refresh": "2"} if live else None)

    async def texts(request: Request) -> Response:
        """``GET /api/texts?limit=&q=``: the newest first, with what became of each."""
        limit = number(request.query_params.get("limit"), 50, MOST) or 1
        found = [asdict(one) for one in _found(taken, request.query_params.get("q", ""), limit)]
        for one in found:
            del one["status_callback"]
        return Response(orjson.dumps({"texts": found, "taken": len(taken)}), media_type="application/json")

    return [Route("/texts", page, methods=["GET"]), Route("/api/texts", texts, methods=["GET"])]


def _found(taken: Sequence[Taken], query: str, limit: int) -> list[Taken]:
    """The newest that have *query* in number, sender or words, in any case."""
    words = query.casefold().strip()
    found = []
    for one in reversed(taken):
        if words in f"{one.to}\n{one.sender}\n{one.body}".casefold():
            found.append(one)
            if len(found) == limit:
                break
    return found


def _row(one: Taken) -> dict[str, object]:
    return {"to": one.to, "sender": one.sender, "body": one.body, "status": one.status, "when": one.created}
