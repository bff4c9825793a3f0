"""What was caught on any channel: a page of all, a page of each for people, and JSON of each for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from liquid import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from clarion.dev.catcher.api import MOST, listed, matcher, number
from clarion.dev.catcher.caught import ALL, MAIL, Caught, tabs
from clarion.dev.catcher.mail import Summary
from clarion.dev.catcher.pages import LOOK, PAGE
from clarion.dev.catcher.spool import Spool

#: As far back as a page goes.
_FURTHEST = 10_000
_Row = Mapping[str, Any]


def routes(spool: Spool, caught: Sequence[Caught]) -> list[Route]:
    """The routes over the mails in *spool*, and all else that was *caught*."""
    look = Environment(autoescape=True, loader=FileSystemLoader(LOOK))

    async def shown(request: Request, path: str, words: Mapping[str, object], rows: Sequence[_Row]) -> Response:
        query, live, skip = _query(request), "live" in request.query_params, _skip(request)
        search = {"q": query} if query else {}
        html = look.get_template("texts.html").render(
            **words,
            path=path,
            tabs=await tabs(path, spool.counts().kept, caught),
            query=query,
            live=live,
            live_href=f"{path}?{urlencode({**search, 'live': 1})}",
            newest_href=f"{path}?{urlencode(search)}" if skip else None,
            older_href=f"{path}?{urlencode({**search, 'skip': skip + PAGE})}" if len(rows) > PAGE else None,
            texts=rows[:PAGE],
        )
        return HTMLResponse(html, headers={"refresh": "2"} if live and not skip else None)

    async def everything(request: Request) -> Response:
        """``GET /all?q=&skip=&live=``: what was caught on all channels, the newest first."""
        query, skip = _query(request), _skip(request)
        most = skip + PAGE + 1
        mails = await spool.find(matcher(anywhere=query), limit=most, before=None)
        rows = [_mail(one) for one in mails]
        rows += [_labelled(one, row) for one in caught for row in await _rows(one, query, most)]
        rows.sort(key=lambda row: parsedate_to_datetime(row["when"]), reverse=True)
        return await shown(
            request, ALL[0], {"title": "Caught messages", "heading": "Caught", "one": "message"}, rows[skip:most]
        )

    def page_of(one: Caught) -> Any:
        async def page(request: Request) -> Response:
            """``GET /texts?q=&skip=&live=``: those of one channel, the newest first."""
            skip = _skip(request)
            rows = (await _rows(one, _query(request), skip + PAGE + 1))[skip:]
            about = {"title": f"Caught {one.heading.lower()}", "heading": one.heading, "one": one.one}
            return await shown(request, one.path, {**about, "tokens": list(one.tokens.items()), "kept": one.kept}, rows)

        return page

    return [
        Route(ALL[0], everything, methods=["GET"]),
        *(Route(one.path, page_of(one), methods=["GET"]) for one in caught),
        *(Route(f"/api{one.path}", _data_of(one), methods=["GET"]) for one in caught),
    ]


def _data_of(caught: Caught) -> Any:
    async def data(request: Request) -> Response:
        """``GET /api/texts?limit=&q=``: the newest first, with what became of each."""
        limit = number(request.query_params.get("limit"), 50, MOST) or 1
        found = [asdict(one) for one in await caught.newest(_query(request), limit)]
        for one in found:
            one.pop("status_callback", None)
        said = {caught.name: found, "taken": await caught.count()} | (
            {"tokens": caught.tokens} if caught.tokens else {}
        )
        return Response(orjson.dumps(said), media_type="application/json")

    return data


def _query(request: Request) -> str:
    return request.query_params.get("q", "")[:200]


def _skip(request: Request) -> int:
    return number(request.query_params.get("skip"), 0, _FURTHEST, least=0) or 0


async def _rows(caught: Caught, query: str, limit: int) -> list[_Row]:
    return [caught.row(one) for one in await caught.newest(query, limit)]


def _labelled(caught: Caught, row: _Row) -> _Row:
    return {**row, "channel": caught.one, "href": caught.path}


def _mail(summary: Summary) -> _Row:
    """A mail as the page of all channels shows it: its subject, and where it can be read."""
    row = listed(summary)
    to, at = row["to"], datetime.fromtimestamp(summary.received_at_ms / 1000, UTC)
    assert isinstance(to, list)
    return {
        "to": ", ".join(to[:2]) + (" …" if len(to) > 2 else ""),
        "sender": str(row["from"]),
        "body": str(row["subject"]) or "(no subject)",
        "status": "received",
        "when": format_datetime(at, usegmt=True),
        "channel": MAIL[1].lower(),
        "href": f"/mails/{summary.id}",
    }
