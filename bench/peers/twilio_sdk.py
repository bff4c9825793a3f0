"""Text messages through Twilio's own library, one after the other as its guide shows, or ``--concurrency`` at once.

With more than one at once its asynchronous client is used, which its guide recommends for many messages.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from bench.mail import short
from bench.peers.figures import options, tell
from bench.servers.provider_desk import ACCOUNT_SID, AUTH_TOKEN, SENDER

_OFFICIAL = "https://api.twilio.com"


class _Blocking(TwilioHttpClient):  # type: ignore[misc] # it has no types
    """Twilio's library knows one address; this takes its requests to another, over one session as it does."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=30)
        self._url = url
        self.session.trust_env = False

    def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        return super().request(method, url.replace(_OFFICIAL, self._url, 1), *args, **more)


class _AtOnce(AsyncTwilioHttpClient):  # type: ignore[misc] # it has no types
    """The same for its asynchronous client."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=30)
        self._url = url

    async def request(self, method: str, url: str, *args: Any, **more: Any) -> Any:
        return await super().request(method, url.replace(_OFFICIAL, self._url, 1), *args, **more)


def one_by_one(url: str, jobs: int) -> float:
    """Send *jobs* messages; the seconds that took."""
    http = _Blocking(url)
    client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)
    began = time.perf_counter()
    for number in range(jobs):
        message = client.messages.create(to=short.phone(number), from_=SENDER, body=short.text(number))
        assert message.sid
    seconds = time.perf_counter() - began
    http.session.close()
    return seconds


async def at_once(url: str, jobs: int, concurrency: int) -> float:
    """The same, *concurrency* at once."""
    async with _AtOnce(url) as http:
        client = Client(ACCOUNT_SID, AUTH_TOKEN, http_client=http)
        numbers = iter(range(jobs))

        async def some() -> None:
            for number in numbers:
                body = short.text(number)
                message = await client.messages.create_async(to=short.phone(number), from_=SENDER, body=body)
                assert message.sid

        began = time.perf_counter()
        await asyncio.gather(*(some() for _ in range(concurrency)))
        return time.perf_counter() - began


if __name__ == "__main__":
    given = options()
    if given.concurrency == 1:
        tell(given.jobs, one_by_one(given.url, given.jobs))
    else:
        import uvloop

        tell(given.jobs, uvloop.run(at_once(given.url, given.jobs, given.concurrency)))
