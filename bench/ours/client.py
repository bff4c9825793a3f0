"""Clarion's HTTP API as a plain client uses it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
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
        await self._call("PUT", f"/v1/topics/{topic}", {"name": topic})
        for at in range(0, count, PAGE):
            guests = list(booking.guests(min(PAGE, count - at), start=at, prefix=prefix))
            answer = await self._call("POST", "/v1/recipients/bulk", {"recipients": guests})
            if answer["invalid"]:
                raise ProgramFailed(f"{answer['invalid']} recipients were refused: {answer['results'][:1]}")
            members = [guest["id"] for guest in guests]
            await self._call("POST", f"/v1/topics/{topic}/members", {"ids": members})

    async def trigger(self, recipient: str | Mapping[str, object]) -> Accepted:
        """Trigger the booking mail for *recipient*: an id, or ``{"topic": …}``."""
        body = {"recipients": [recipient], "payload": booking.PAYLOAD}
        answer = await self._call("POST", f"/v1/workflows/{booking.WORKFLOW}/trigger", body)
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
