"""Caught mails as pages for people."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from liquid import Environment, FileSystemLoader
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from clarion.dev.catcher.api import fetch, listed, matcher, number
from clarion.dev.catcher.caught import MAIL, Caught, tabs
from clarion.dev.catcher.mail import Summary
from clarion.dev.catcher.reading import Reading, read
from clarion.dev.catcher.spool import Spool

LOOK = Path(__file__).with_name("look")
PAGE = 50
#: Bytes of a mail's source that a page shows.
SHOWN_SOURCE = 256 * 1024

VIEWS: Mapping[str, str] = {
    "html": "HTML",
    "text": "Text",
    "headers": "Headers",
    "source": "Source",
    "attachments": "Attachments",
}


def routes(spool: Spool, smtp_address: str, caught: Sequence[Caught] = ()) -> list[Route]:
    """The pages over *spool*; *smtp_address* is what an empty list tells to send to, *caught* what there is besides."""
    look = Environment(autoescape=True, loader=FileSystemLoader(LOOK))
    style = (LOOK / "style.css").read_bytes()

    def page(name: str, words: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
        return HTMLResponse(look.get_template(name).render(**words), headers=headers)

    async def mails(request: Request) -> Response:
        """``GET /?q=&before=&live=``: the list, newest first."""
        query = request.query_params.get("q", "")[:200]
        before = number(request.query_params.get("before"), None)
        live = "live" in request.query_params and before is None
        found = await spool.find(matcher(anywhere=query), limit=PAGE, before=before)
        words = list_words(spool, found, query, before, live)
        words |= {"smtp": smtp_address, "tabs": await tabs(MAIL[0], spool.counts().kept, caught)}
        return page("list.html", words, {"refresh": "2"} if live else None)

    async def mail(request: Request) -> Response:
        """``GET /mails/{id}?view=``: one mail."""
        summary, raw = fetch(spool, request)
        reading = await asyncio.to_thread(read, raw)
        view = request.query_params.get("view", "html" if reading.html is not None else "text")
        if view not in VIEWS:
            raise HTTPException(404, "There is no such view.")
        words = mail_words(summary, raw, reading) | {
            "view": view,
            "images": "images" in request.query_params,
            "newer": summary.id + 1 if spool.summary(summary.id + 1) else None,
            "older": summary.id - 1 if spool.summary(summary.id - 1) else None,
        }
        return page("mail.html", words)

    async def html(request: Request) -> Response:
        """``GET /mails/{id}/html``: the mail's own HTML, as an untrusted stranger's."""
        _, raw = fetch(spool, request)
        reading = await asyncio.to_thread(read, raw)
        pictures = "data: https: http:" if "images" in request.query_params else "data:"
        policy = (
            "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
            f"img-src {pictures}; font-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
        )
        return HTMLResponse(reading.html_page(), headers={"content-security-policy": policy})

    async def attachment(request: Request) -> Response:
        """``GET /mails/{id}/attachments/{index}``: always a download, never shown as a page of ours."""
        _, raw = fetch(spool, request)
        reading = await asyncio.to_thread(read, raw)
        index = request.path_params["index"]
        if index >= len(reading.attachments):
            raise HTTPException(404, "There is no such attachment.")
        one = reading.attachments[index]
        disposition = f"attachment; filename*=UTF-8''{quote(one.filename, safe='')}"
        return Response(
            one.content, media_type="application/octet-stream", headers={"content-disposition": disposition}
        )

    async def clear(_: Request) -> Response:
        """``POST /clear``: delete every mail."""
        spool.clear()
        return RedirectResponse("/", status_code=303)

    async def css(_: Request) -> Response:
        return Response(style, media_type="text/css")

    return [
        Route("/", mails),
        Route("/mails/{id:int}", mail),
        Route("/mails/{id:int}/html", html),
        Route("/mails/{id:int}/attachments/{index:int}", attachment),
        Route("/clear", clear, methods=["POST"]),
        Route("/style.css", css),
    ]


def list_words(spool: Spool, found: list[Summary], query: str, before: int | None, live: bool) -> dict[str, object]:
    """What the list's template needs."""
    counts = spool.counts()
    search = {"q": query} if query else {}
    return {
        "title": f"{query} · Caught mail" if query else "Caught mail",
        "query": query,
        "before": before,
        "live": live,
        "live_href": "/?" + urlencode({**search, "live": 1}),
        "still_href": "/?" + urlencode(search),
        "newest_href": "/?" + urlencode(search),
        "older_href": "/?" + urlencode({**search, "before": found[-1].id}) if len(found) == PAGE else None,
        "received": f"{counts.received:,}",
        "kept": f"{counts.kept:,}",
        "recipients": f"{counts.distinct_recipients:,}",
        "message_ids": f"{counts.distinct_message_ids:,}",
        "mails": [_row(one) for one in found],
    }


def mail_words(summary: Summary, raw: bytes, reading: Reading) -> dict[str, object]:
    """What a mail's template needs, whatever the view."""
    row = listed(summary)
    envelope = f"{row['from'] or '<>'} → {_people(row['to'], 20)}"
    return {
        **_row(summary),
        "title": f"{row['subject'] or '(no subject)'} · Caught mail",
        "from": reading.header("from") or "(no From header)",
        "to": reading.header("to") or "(no To header)",
        "envelope": envelope,
        "tabs": [
            {"name": name, "label": f"{label} ({len(reading.attachments)})" if name == "attachments" else label}
            for name, label in VIEWS.items()
        ],
        "has_html": reading.html is not None,
        "has_text": reading.text is not None,
        "remote": reading.html is not None and "http" in reading.html and "<img" in reading.html.lower(),
        "text": reading.text or "",
        "headers": reading.headers,
        "source": raw[:SHOWN_SOURCE].decode(errors="replace"),
        "cut": _bytes(SHOWN_SOURCE) if len(raw) > SHOWN_SOURCE else None,
        "attachments": [
            {
                "index": one.index,
                "filename": one.filename,
                "content_type": one.content_type,
                "size": _bytes(len(one.content)),
            }
            for one in reading.attachments
        ],
    }


def _row(summary: Summary) -> dict[str, object]:
    row = listed(summary)
    at = datetime.fromtimestamp(summary.received_at_ms / 1000, UTC)
    return {
        "id": summary.id,
        "to": _people(row["to"], 2),
        "subject": row["subject"] or "(no subject)",
        "size": _bytes(summary.size),
        "at": row["received_at"],
        "when": f"{at.day} {at:%b %H:%M:%S}",
    }


def _people(addresses: object, most: int) -> str:
    assert isinstance(addresses, list)
    shown = ", ".join(addresses[:most])
    return shown if len(addresses) <= most else f"{shown} and {len(addresses) - most} more"


def _bytes(count: int) -> str:
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"
