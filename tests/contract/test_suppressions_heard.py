"""What bindings hear of addresses that nobody writes to any more."""

from __future__ import annotations

from tests.support.api import SECRET
from tests.support.callbacks import open_scene, report

from clarion import ids
from clarion.domain.binding import Binding
from clarion.domain.own_event import OwnEvent
from clarion.domain.unsubscribe import Link, Links
from clarion.flows.apply import apply_bindings
from clarion.flows.bindings import Bindings
from clarion.flows.hearing import Hearing
from clarion.ids import Prefix
from clarion.store.database import open_pool


async def test_bindings_hear_once_who_is_not_to_be_written_to_any_more(database: str) -> None:
    async with await open_pool(database, size=2, statement_timeout_s=10, application_name="test") as pool:
        rung: list[str] = []
        hearing = Hearing(Bindings(pool), wake=rung.append)
        async with open_scene(database, hearing=hearing) as scene:
            wanted = Binding(
                key="gone", on=OwnEvent(type="address.suppressed", channel="email"), do=[{"timer.cancel": {"key": "x"}}]
            )
            async with scene.api.pool.acquire() as connection:
                await apply_bindings(connection, scene.tenant, [wanted])
            (id,) = await scene.sent()
            await scene.api.pool.execute("UPDATE message SET address = 'ann@example.com' WHERE id = $1", id)
            for number in range(2):
                await scene.tell(report(id, "bounced", feedback="hard_bounce", reason="5.1.1", key=f"b{number}"))
            token = Links(SECRET).token(
                Link(tenant_id=scene.tenant, channel="email", address="bo@example.com", category="news")
            )
            for _ in range(2):
                assert (await scene.post(b"", path=f"/u/{token}", headers={})).status == 200
            bounced, left = [job.args["suppression"] for job in await scene.claim("react")]
            assert ids.parse(Prefix.SUPPRESSION, bounced.pop("id"))
            assert bounced == {
                **{"channel": "email", "address": "ann@example.com", "category": None, "reason": "hard_bounce"},
                **{"detail": "5.1.1", "message": ids.show(Prefix.MESSAGE, id), "expires_at": None},
            }
            assert (left["address"], left["category"], left["reason"]) == ("bo@example.com", "news", "unsubscribe")
            assert left["message"] is None
            assert set(rung) == {"react"}
