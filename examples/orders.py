"""Orders, as the order service, Clarion and the streams between them have them on record."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import aiohttp
import nats

from examples.line import differing
from examples.system import Clarion, until

#: An order of which the order service knows nothing.
UNKNOWN = "000000000000000000000000"
PATIENCE_S = 300.0
#: Orders that are put in by one call.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class OrderService:
    """The order service, by its own door."""

    session: aiohttp.ClientSession

    async def get(self, path: str) -> Any:
        async with self.session.get(path) as answer:
            return await answer.json()

    async def post(self, path: str, body: Any = None) -> Any:
        async with self.session.post(path, json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def order(self, **asked: Any) -> str:
        """A new order; its id."""
        made: dict[str, str] = await self.post("/orders", asked)
        return made["id"]

    async def orders(self, ends: Sequence[datetime]) -> list[str]:
        """An order for each of *ends*, when it expires; their ids."""
        asked = [{"expiresAt": end.isoformat()} for end in ends]
        pages = [asked[first : first + _AT_ONCE] for first in range(0, len(asked), _AT_ONCE)]
        return [made["id"] for page in pages for made in await self.post("/orders", page)]

    async def heard(self, *ids: str) -> list[dict[str, Any]]:
        """The deliveries of expirations of *ids*."""
        return [one for one in await self.get("/expirations") if one.get("orderId") in ids]


@dataclass(frozen=True, slots=True)
class Books:
    """What each side has on record in the end."""

    orders: Mapping[str, Mapping[str, Any]]
    timers: Sequence[Mapping[str, Any]]
    #: What the order service heard; what the streams hold, as (id, body).
    heard: Sequence[Mapping[str, Any]]
    expirations: Sequence[tuple[str, Mapping[str, Any]]]
    cancelled: Sequence[tuple[str, Mapping[str, Any]]]
    #: Expirations that the order service was given and has not acknowledged.
    open: int

    @classmethod
    async def of(cls, service: OrderService, clarion: Clarion, nats_url: str) -> Books:
        """The books, once nothing moves any more."""
        async with jetstream(nats_url) as stream:

            async def settled() -> bool:
                consumer = await stream.consumer_info("expirations", "order-service")
                queues = [await clarion.get(f"/v1/queues/{name}") for name in ("timers", "publish")]
                moving = sum(queue["ready"] + queue["running"] + queue["scheduled"] for queue in queues)
                return not moving and not consumer.num_pending and consumer.num_ack_pending <= 1

            await until(settled, "all is published and acknowledged", PATIENCE_S)
            return cls(
                orders={order["id"]: order for order in await service.get("/orders")},
                timers=[one async for one in timers_of(clarion)],
                heard=await service.get("/expirations"),
                expirations=[one async for one in messages_of(stream, "expirations", "expiration:complete")],
                cancelled=[one async for one in messages_of(stream, "orders", "order:cancelled")],
                open=(await stream.consumer_info("expirations", "order-service")).num_ack_pending,
            )

    @property
    def event_ids(self) -> set[str]:
        """The distinct events that went out."""
        return {id for id, _ in self.expirations}

    @property
    def repeats(self) -> int:
        """How many of them are in the stream once more."""
        return len(self.expirations) - len(self.event_ids)

    def differences(self, paid: Collection[str]) -> list[str]:
        """All that is not as it must be; *paid* are orders that must not have expired."""
        expired = {id for id in self.orders if id not in paid} | {UNKNOWN}
        fired = [one["metadata"]["orderId"] for one in self.timers if one["status"] == "fired"]
        ids = defaultdict(set)
        for id, body in self.expirations:
            ids[body["orderId"]].add(id)
        done = [one for one in self.heard if one["outcome"] == "cancelled"]
        told = [(one["id"], one["version"], one["ticket"]["id"]) for _, one in self.cancelled]
        gone = [
            (id, order["version"], order["ticket"]["id"])
            for id, order in self.orders.items()
            if order["status"] == "cancelled"
        ]
        differing_ids = [order for order, its in ids.items() if len(its) != 1]
        refused = [one for one in self.heard if one["outcome"].startswith("error")]
        return [
            *_apart("orders whose timers fired", fired, expired),
            *_apart("orders told of", list(ids), expired),
            *differing(len(expired), distinct_events=len(self.event_ids)),
            *differing([], orders_with_several_event_ids=differing_ids),
            *_apart("order:cancelled", told, gone),
            *differing(len(self.orders) - len(paid) - 1, orders_cancelled=len(done), cancelled_in_the_books=len(gone)),
            *differing({UNKNOWN}, orders_that_were_refused={one.get("orderId") for one in refused}),
            *differing(1, expirations_never_acknowledged=self.open),
        ]


async def timers_of(clarion: Clarion) -> AsyncIterator[dict[str, Any]]:
    after = ""
    while True:
        page = await clarion.get(f"/v1/timers?limit=100&key_prefix=order-{after}")
        for timer in page["items"]:
            yield timer
        if page["next"] is None:
            return
        after = f"&after={page['next']}"


@asynccontextmanager
async def jetstream(url: str) -> AsyncIterator[Any]:
    client = await nats.connect(url)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def messages_of(stream: Any, name: str, subject: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """All that the stream *name* holds of *subject*: ids and bodies."""
    reader = await stream.pull_subscribe(subject, stream=name)
    left = (await reader.consumer_info()).num_pending
    while left:
        for message in await reader.fetch(min(left, 500), timeout=10):
            await message.ack()
            left -= 1
            yield message.headers["Nats-Msg-Id"], json.loads(message.data)
    await reader.unsubscribe()


def _apart(what: str, found: Collection[Any], wanted: Collection[Any]) -> list[str]:
    """Where two lists are not alike, the first of what only one of them has, or has more often."""
    counted, expected = Counter(found), Counter(wanted)
    missing, more = list((expected - counted).elements()), list((counted - expected).elements())
    return [f"{what}: {len(missing)} missing {missing[:3]}, {len(more)} too many {more[:3]}"] if missing or more else []
