"""Orders expire: Clarion keeps their time, the order service in Node cancels them; their books are compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from examples.line import Line, differing
from examples.orders import PATIENCE_S, UNKNOWN, Books, OrderService, jetstream, timers_of
from examples.stage import Stage
from examples.system import Clarion, now, until

#: JetStream forgets repeats after this, so that the order service hears those there are.
_WINDOW_MS = 100
#: How late a timer may be, in milliseconds.
_LATE_MS = 2_000


async def run(stage: Stage, small: bool) -> Line:
    """Single orders, many that end in one moment, and many that wait while everything is killed."""
    broker = await stage.nats()
    peer = await stage.node(
        "ticket-expiration/peers/order-service.js",
        env={"NATS_URL": broker.url, "PORT": "0", "DUPLICATE_WINDOW_MS": str(_WINDOW_MS)},
    )
    async with aiohttp.ClientSession(await peer.tells("up")) as session:
        service = OrderService(session)
        async with stage.clarion("ticket-expiration") as clarion:
            began = now()
            play = Play(service, clarion, broker.url)
            wrong = await play.single_orders()
            calm = await play.all_in_one_moment(100 if small else 3_000)
            await play.all_killed(broker, 200 if small else 10_000, in_s=6 if small else 20)
            took = now() - began
            books = await Books.of(service, clarion, broker.url)
            wrong += [*calm.differences, *books.differences(play.paid), *await clarion.broken()]
    return Line(
        put_in=f"{len(books.orders):,} orders, Clarion and NATS killed twice while {play.waited:,} waited",
        came_out=(
            f"{len(books.event_ids):,} expirations ({books.repeats} came again, under their own id),"
            f" {calm.count:,} of one moment at {calm.rate:,.0f}/s, at most {calm.late_ms:,.0f} ms late"
        ),
        took_s=took,
        differences=wrong,
    )


@dataclass(frozen=True, slots=True)
class Calm:
    """How many timers of one moment fire, when nothing is in their way."""

    count: int
    rate: float
    late_ms: float
    differences: Sequence[str]


class Play:
    """What is done, in its order."""

    def __init__(self, service: OrderService, clarion: Clarion, nats_url: str) -> None:
        self._service = service
        self._clarion = clarion
        self._nats_url = nats_url
        #: The orders that were paid and told of: they never expire.
        self.paid: Sequence[str] = ()
        #: How many waited when everything was killed.
        self.waited = 0

    async def single_orders(self) -> list[str]:
        """One that ends soon, one that has ended, two that are paid, and one that nobody knows; what went wrong."""
        service = self._service
        soon, quiet = await service.order(expiresIn=3), await service.order(expiresIn=3)
        past = await service.order(expiresIn=-60)
        # One is paid when its timer waits, one in the same breath as it is made.
        paid, hasty = self.paid = (await service.order(expiresIn=15), await service.order(expiresIn=15))
        await service.post(f"/orders/{hasty}/completion")
        expiring = (soon, quiet, past)
        await service.post(f"/orders/{quiet}/completion?announce=no")
        await until(lambda: self._has_timer(paid), "the timer of an order waits")
        await service.post(f"/orders/{paid}/completion")
        async with jetstream(self._nats_url) as stream:
            order = {"id": UNKNOWN, "expiresAt": datetime.now(UTC).isoformat()}
            await stream.publish("order:created", json.dumps(order).encode())

        async def heard() -> bool:
            again = await service.heard(UNKNOWN)
            return len(again) >= 2 and {one["orderId"] for one in await service.heard(*expiring)} == set(expiring)

        await until(heard, "the expirations of single orders are heard, and that of an unknown one twice")
        orders = {id: await service.get(f"/orders/{id}") for id in (soon, quiet, past, paid, hasty)}
        states = {id: order["status"] for id, order in orders.items()}
        (about_soon,), (about_quiet,), (about_past,) = [await service.heard(id) for id in expiring]
        ticket = await service.get(f"/tickets/{orders[soon]['ticket']['id']}")
        held = await service.get(f"/tickets/{orders[quiet]['ticket']['id']}")
        timer = await self._clarion.get(f"/v1/timers/order-{paid}")
        late = about_soon["at"] - _ms(orders[soon]["expiresAt"])
        late_past = about_past["at"] - _ms(orders[past]["expiresAt"]) - 60_000
        return [
            *differing(
                "cancelled", order=states[soon], order_whose_time_was_past=states[past], paid_timer=timer["status"]
            ),
            *differing("complete", completed_order=states[quiet], paid_order=states[paid], hasty_order=states[hasty]),
            *differing("left alone: it is complete", outcome_of_a_completed_order=about_quiet["outcome"]),
            *differing(None, holder_of_the_freed_ticket=ticket["orderId"]),
            *differing(quiet, holder_of_the_sold_ticket=held["orderId"]),
            *([] if 0 <= late < _LATE_MS else [f"the order's expiration was heard {late} ms after its time"]),
            *([] if late_past < _LATE_MS else [f"an expiration of the past took {late_past} ms"]),
        ]

    async def _has_timer(self, order: str) -> bool:
        status, _ = await self._clarion.call("GET", f"/v1/timers/order-{order}")
        return status == 200

    async def all_in_one_moment(self, count: int) -> Calm:
        """*count* orders that all end at the same time."""
        end = datetime.now(UTC) + timedelta(seconds=3 + count / 500)
        ids = set(await self._service.orders([end] * count))
        await self._until_cancelled(len(ids) + 2)
        timers = [one async for one in timers_of(self._clarion) if one["metadata"]["orderId"] in ids]
        late = sorted(_ms(one["fired_at"]) - _ms(one["at"]) for one in timers)
        differences = differing(count, timers_of_one_moment=len(timers))
        if late[0] < 0:
            differences.append(f"a timer fired {-late[0]} ms early")
        if late[-1] > _LATE_MS:
            differences.append(f"a timer fired {late[-1]} ms late")
        return Calm(count, count / max(late[-1] / 1000, 0.001), late[-1], differences)

    async def all_killed(self, broker: Any, count: int, *, in_s: float) -> None:
        """*count* orders; Clarion and NATS die (kill -9) while all wait, and again while they expire."""
        before = await self._service.get("/counts")
        end = datetime.now(UTC) + timedelta(seconds=in_s)
        await self._service.orders([end + timedelta(seconds=n % 100 / 20) for n in range(count)])

        async def all_wait() -> bool:
            queue = await self._clarion.get("/v1/queues/timers")
            self.waited = max(self.waited, queue["scheduled"])
            return bool(queue["scheduled"] >= count)

        await until(all_wait, f"{count} timers wait")
        await self._kill(broker)
        await self._until_cancelled(before["cancelled"] + count // 5)
        await self._kill(broker)
        await self._until_cancelled(before["cancelled"] + count)

    async def _kill(self, broker: Any) -> None:
        await asyncio.gather(self._clarion.kill(), broker.kill())
        await broker.start()
        await self._clarion.start()

    async def _until_cancelled(self, count: int) -> None:
        async def cancelled() -> bool:
            counts = await self._service.get("/counts")
            return bool(counts["cancelled"] >= count)

        await until(cancelled, f"{count} orders are cancelled", PATIENCE_S)


def _ms(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
