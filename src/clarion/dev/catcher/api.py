"""Caught mails as JSON, for tests and for `clarion demo`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from clarion.dev.catcher.mail import Summary
from clarion.dev.catcher.reading import decode, read
from clarion.dev.catcher.spool import Spool

MOST = 1000
#: A hundred years.
_MOST_S = 36_525 * 86_400


def routes(spool: Spool) -> list[Route]:
    """The routes under ``/api``."""

    async def mails(request: Request) -> Response:
        """``GET /api/mails?limit=&before=&to=&subject=``: the newest first; `next` is the `before` of the next page."""
        query = request.query_params
        limit = number(query.get("limit"), 50, MOST)
        before = number(query.get("before"), None)
        found = await spool.find(
            matcher(to=query.get("to", ""), subject=query.get("subject", "")), limit=limit or 1, before=before
        )
        following = found[-1].id if len(found) == limit else None
        return _json({"mails": [listed(one) for one in found], "next": following})

    async def mail(request: Request) -> Response:
        """``GET /api/mails/{id}``: one mail, taken apart."""
        summary, raw = fetch(spool, request)
        reading = await asyncio.to_thread(read, raw)
        return _json(
            {
                **listed(summary),
                "envelope": {"from": _shown(summary.mail_from), "to": [_shown(one) for one in summary.recipients]},
                "from": reading.header("from"),
                "to": reading.header("to"),
                "headers": reading.headers,
                "html": reading.html,
                "text": reading.text,
                "attachments": [
                    {
                        "index": one.index,
                        "filename": one.filename,
                        "content_type": one.content_type,
                        "size": len(one.content),
                    }
                    for one in reading.attachments
                ],
            }
        )

    async def raw(request: Request) -> Response:
        """``GET /api/mails/{id}/raw``: the bytes as they came."""
        summary, content = fetch(spool, request)
        name = f'attachment; filename="mail-{summary.id}.eml"'
        return Response(content, media_type="message/rfc822", headers={"content-disposition": name})

    async def counts(_: Request) -> Response:
        """``GET /api/counts``: exact, see `Counts`."""
        return _json(asdict(spool.counts()))

    async def clear(request: Request) -> Response:
        """``DELETE /api/mails``: forget everything, the counts too.

        With ``?older_than_s=`` only what is older, and with ``&dry_run=true`` it is only said how much that is.
        """
        age = number(request.query_params.get("older_than_s"), None, _MOST_S, least=0)
        if age is None:
            return _json({"deleted": spool.clear()})
        length = timedelta(seconds=age)
        only_said = request.query_params.get("dry_run") == "true"
        return _json({"deleted": spool.older(length) if only_said else spool.prune(length)})

    return [
        Route("/api/mails", mails, methods=["GET"]),
        Route("/api/mails", clear, methods=["DELETE"]),
        Route("/api/mails/{id:int}", mail),
        Route("/api/mails/{id:int}/raw", raw),
        Route("/api/counts", counts),
    ]


def fetch(spool: Spool, request: Request) -> tuple[Summary, bytes]:
    """The mail that the path names. Raises 404 when it is not kept."""
    id = request.path_params["id"]
    summary, raw = spool.summary(id), spool.raw(id)
    if summary is None or raw is None:
        raise HTTPException(404, "There is no such mail (any more).")
    return summary, raw


def listed(summary: Summary) -> dict[str, object]:
    """What a list says of a mail."""
    return {
        "id": summary.id,
        "received_at": datetime.fromtimestamp(summary.received_at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "from": _shown(summary.mail_from),
        "to": [_shown(one) for one in summary.recipients],
        "subject": decode(_shown(summary.subject)),
        "message_id": _shown(summary.message_id),
        "size": summary.size,
    }


def matcher(*, to: str = "", subject: str = "", anywhere: str = "") -> Callable[[Summary], bool] | None:
    """Whether a mail's recipients, subject, or either of them contain the words given, in any case; None: all do."""
    to, subject, anywhere = to.casefold().strip(), subject.casefold().strip(), anywhere.casefold().strip()
    if not (to or subject or anywhere):
        return None

    def matches(summary: Summary) -> bool:
        people = _shown(b"\n".join(summary.recipients)).casefold()
        if to not in people:
            return False
        if not subject and (not anywhere or anywhere in people):
            return True
        words = decode(_shown(summary.subject)).casefold()
        return subject in words and (anywhere in words or anywhere in people)

    return matches


def number(text: str | None, default: int | None, most: int = 1 << 60, *, least: int = 1) -> int | None:
    """A whole number from *least* to *most* of the query. Raises 422 when it is none."""
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise HTTPException(422, f"Expected a whole number from {least} to {most}.")
    return int(text)


def _shown(value: bytes) -> str:
    return value.decode(errors="replace")


def _json(content: object) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
