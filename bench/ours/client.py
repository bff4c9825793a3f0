"""Clarion's HTTP API as a plain client uses it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import aiohttp

from bench.mail import booking
from bench.servers.process import ProgramFailed

#: What one call of the API takes, in items.
PAGE = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A trigger that was answered with 202."""

    id: str
    #: When the answer was there, on the monotonic clock, in seconds.
    at: float


class Client:
    """Speaks for one tenant."""

    def __init__(self, session: aiohttp.ClientSession, key: str) -> None:
        self._session = session
        self._headers = {"Authorization": f"Bearer {key}"}

    async def load(self, topic: str, count: int, *, prefix: str = "guest") -> None:
        """Make guests 0 to *count* and put them all into *topic*."""
        await self.fill(topic, booking.guests(count, prefix=prefix))

    async def fill(self, topic: str, guests: Iterable[Mapping[str, object]]) -> None:
        """Make these and put them into *topic*, a page at a time."""
        await self._call("PUT", f"/v1/topics/{topic}", {"name": topic})
        coming = iter(guests)
        while page := list(islice(coming, PAGE)):
            answer = await self._call("POST", "/v1/recipients/bulk", {"recipients": page})
            if answer["invalid"]:
                raise ProgramFailed(f"{answer['invalid']} recipients were refused: {answer['results'][:1]}")
            await self._call("POST", f"/v1/topics/{topic}/members", {"ids": [guest["id"] for guest in page]})

    async def register(self, recipient: str, token: str) -> None:
        """Give *recipient* a device with this *token*."""
        await self._call("PUT", f"/v1/recipients/{recipient}/devices/phone", {"token": token})

    async def feed_token(self, recipient: str) -> str:
        """A token by which *recipient* reads the own feed."""
        return str((await self._call("POST", f"/v1/recipients/{recipient}/feed/tokens", {}))["token"])

    async def trigger(self, recipient: str | Mapping[str, object], workflow: str = booking.WORKFLOW) -> Accepted:
        """Trigger *workflow*, else the booking mail, for *recipient*: an id, or ``{"topic": …}``."""
        body = {"recipients": [recipient], "payload": booking.PAYLOAD}
        answer = await self._call("POST", f"/v1/workflows/{workflow}/trigger", body)
        return Accepted(id=answer["id"], at=time.monotonic())

    async def sent(self, trigger: str) -> int:
        """How many of the trigger's messages are `sent`."""
        messages = (await self._call("GET", f"/v1/triggers/{trigger}"))["messages"]
        return int(messages.get("sent", 0))

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        async with self._session.request(method, path, json=body, headers=self._headers) as reply:
            if reply.status >= 300:
                raise ProgramFailed(f"{method} {path} was answered with {reply.status}: {await reply.text()}")
            answer: dict[str, Any] = await reply.json()
            return answer
