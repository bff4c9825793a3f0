"""Any receiver of webhooks: what `up` catches those with that would leave this machine.

It takes what Standard Webhooks (https://www.standardwebhooks.com, as of November 2026) has every request carry, and
refuses what lacks it. The secrets are the receivers': so it verifies no signature, and keeps it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict

from aiohttp import web

from clarion.dev.fakes.chat_message import Said
from clarion.dev.fakes.kept import ledger
from clarion.dev.fakes.serving import Fake

#: Where they are posted, with the URL that they were for in the query.
PATH = "/caught"
_SIGNATURE = re.compile(r"v1,[A-Za-z0-9+/]{43}=( v1,[A-Za-z0-9+/]{43}=)*")
#: Of the body, what is kept as words.
_BOUND_TO_BE_SHOWN = 20_000


class WebhooksFake(Fake):
    """It takes all that is posted, whoever it was for."""

    def __init__(self, *, port: int = 0, keep: int | None = None) -> None:
        """*keep* bounds the ledger: the oldest are forgotten."""
        super().__init__(port=port)
        self.taken: list[Said] = ledger(keep)

    @property
    def catcher(self) -> str:
        """What the setting ``webhook.catcher`` is to be."""
        return f"{self.url}{PATH}"

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post(PATH, self._take)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()

        async def take() -> web.Response:
            wrong = _wrong(request.headers)
            if wrong is not None:
                return web.Response(status=400, text=f"{wrong}\n")
            self._note(request, body)
            return web.Response(status=200)

        return await self.faults.handle(request, take)

    def _note(self, request: web.Request, body: bytes) -> None:
        words = body.decode(errors="replace")
        try:
            said = json.loads(words)
            words = json.dumps(said, indent=2, ensure_ascii=False)
        except ValueError:
            said = None
        told = {name.lower(): value for name, value in request.headers.items() if name.lower().startswith("webhook-")}
        kind = str(said.get("type", "")) if isinstance(said, dict) else ""
        kept: dict[str, object] = {"headers": told, "body": body.decode(errors="replace")}
        self.taken.append(
            Said(
                id=told["webhook-id"],
                provider=kind or "webhook",
                room=request.query.get("url", ""),
                text=words[:_BOUND_TO_BE_SHOWN],
                body=kept,
            )
        )


def _wrong(headers: Mapping[str, str]) -> str | None:
    """What a request lacks to be one of Standard Webhooks; None where it is one."""
    if not headers.get("webhook-id"):
        return "webhook-id is missing"
    if not re.fullmatch(r"[0-9]{10}", headers.get("webhook-timestamp", "")):
        return "webhook-timestamp is not the seconds of a time"
    return None if _SIGNATURE.fullmatch(headers.get("webhook-signature", "")) else "webhook-signature is none"
