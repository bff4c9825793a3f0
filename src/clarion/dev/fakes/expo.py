"""A local server that speaks Expo's push API: it takes messages, sends none, and gives receipts.

Written from https://docs.expo.dev/push-notifications/sending-notifications/ as of November 2026. In the tests Expo's
library for Python (exponent_server_sdk 2) passes against it.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
PUT    /_fake/receipts       ``{"ticket": {"status": "error", …}, …}``: what is told of a ticket, else that it is ok
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from uuid import uuid4

from aiohttp import web

from clarion.dev.fakes.serving import Fake

MOST, MOST_BYTES, MOST_RECEIPTS = 100, 4_096, 1_000
_TOKEN = re.compile(r"Expo(?:nent)?PushToken\[[^\]]+\]")
_FIELDS = frozenset(
    {
        *("to", "title", "body", "data", "ttl", "expiration", "priority", "subtitle", "sound", "badge", "channelId"),
        *("categoryId", "mutableContent", "richContent", "interruptionLevel", "icon", "_contentAvailable"),
        *("collapseId", "tag"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A message that was taken: by it the provider and Clarion's database are compared."""

    id: str
    to: str
    message: dict[str, object] = field(repr=False)


class ExpoFake(Fake):
    """Expo, for one account with enhanced push security, or without where there is no token."""

    def __init__(self, *, access_token: str | None = None, port: int = 0) -> None:
        super().__init__(port=port)
        self.access_token = access_token
        self.taken: list[Pushed] = []
        #: Sizes of the lists that were sent.
        self.lists: list[int] = []
        self.dead: set[str] = set()
        #: Tokens of another project: they must not stand in a request with others.
        self.foreign: set[str] = set()
        #: What is told of tickets; and those of which nothing is known yet.
        self.receipts: dict[str, dict[str, object]] = {}
        self.unknown: set[str] = set()
        #: Sizes of the lists of receipts that were asked for.
        self.receipts_asked: list[int] = []

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/--/api/v2/push/send", self._send)
        router.add_post("/--/api/v2/push/getReceipts", self._tell)
        router.add_put("/_fake/receipts", self._receive)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    def note(self, pushed: Pushed) -> None:
        """A message was taken."""
        self.taken.append(pushed)

    async def _send(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()

        async def take() -> web.Response:
            return self._take(request, body)

        return await self.faults.handle(request, take)

    def _take(self, request: web.Request, body: bytes) -> web.Response:
        if not self._is_let_in(request):
            return _refused(401, "UNAUTHORIZED", "The bearer token is invalid.")
        try:
            found = json.loads(body)
        except ValueError:
            return _refused(400, "API_ERROR", "Invalid JSON")
        messages = found if isinstance(found, list) else [found]
        self.lists.append(len(messages))
        if len(messages) > MOST:
            return _refused(400, "PUSH_TOO_MANY_NOTIFICATIONS", "at most 100 notifications are allowed")
        for number, message in enumerate(messages):
            if not isinstance(message, dict) or set(message) - _FIELDS or not isinstance(message.get("to"), str):
                return _refused(400, "VALIDATION_ERROR", f'"[{number}]" is not a message')
        projects = {str(message["to"]) in self.foreign for message in messages}
        if len(projects) > 1:
            return _refused(400, "PUSH_TOO_MANY_EXPERIENCE_IDS", "All messages must be of the same project")
        return web.json_response({"data": [self._ticket(message) for message in messages]})

    def _ticket(self, message: dict[str, object]) -> dict[str, object]:
        to = str(message["to"])
        if not _TOKEN.fullmatch(to) or to in self.dead:
            said = f'"{to}" is not a registered push notification recipient'
            return _error("DeviceNotRegistered", said, expoPushToken=to)
        if len(json.dumps({name: message.get(name) for name in ("title", "body", "data")})) > MOST_BYTES:
            return _error("MessageTooBig", "The total notification payload is too large")
        id = str(uuid4())
        self.note(Pushed(id=id, to=to, message=message))
        return {"status": "ok", "id": id}

    async def _tell(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()

        async def take() -> web.Response:
            if not self._is_let_in(request):
                return _refused(401, "UNAUTHORIZED", "The bearer token is invalid.")
            ids = json.loads(body)["ids"]
            self.receipts_asked.append(len(ids))
            if len(ids) > MOST_RECEIPTS:
                return _refused(400, "PUSH_TOO_MANY_RECEIPTS", "at most 1000 receipts may be asked for")
            known = {one.id for one in self.taken} - self.unknown
            return web.json_response(
                {"data": {id: self.receipts.get(id, {"status": "ok"}) for id in ids if id in known}}
            )

        return await self.faults.handle(request, take)

    def _is_let_in(self, request: web.Request) -> bool:
        return self.access_token is None or request.headers.get("authorization") == f"Bearer {self.access_token}"

    async def _receive(self, request: web.Request) -> web.Response:
        try:
            self.receipts = dict(json.loads(await request.text()))
        except (ValueError, TypeError) as error:
            return web.Response(status=422, text=f"{error}\n")
        return web.Response(status=204)


def _error(error: str, message: str, **details: str) -> dict[str, object]:
    return {"status": "error", "message": message, "details": {"error": error, **details}}


def _refused(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": message, "isTransient": False}]}, status=status)
