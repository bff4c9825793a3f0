"""Feeds across processes: what a worker delivers and what one API marks is told by every other, and none is missed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import SECRET
from tests.support.house import House, open_house
from tests.support.http import Connection, Reply, request
from tests.support.sse import Stream, follow

from clarion.app import open_api
from clarion.config import load_settings
from clarion.store.feed_changes import Feed


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose only workflow fills feeds."""
    for name, text in {
        "clarion.toml": "",
        "workflows/ready.yaml": "steps: [{channel: in_app}]\n",
        "templates/ready/in_app.txt": "---\ntitle: Ready\n---\n{{ payload.orderId }}\n",
    }.items():
        file = tmp_path / "project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "project"


@asynccontextmanager
async def another_api(database: str) -> AsyncIterator[int]:
    """An API like that of another process, which hears of changes by the database alone; its port."""
    settings = load_settings({"secret": SECRET.decode(), "host": "127.0.0.1", "port": 0}, {})
    async with open_api(settings, database) as server:
        serving = asyncio.create_task(server.run())
        try:
            await server.listening.wait()
            yield server.port
        finally:
            server.stop()
            await serving


def token_of(house: House, recipient: str) -> dict[str, str]:
    minted = house.api.services.tokens.token(Feed(house.api.tenants["one"], recipient), timedelta(minutes=5))
    return {"authorization": f"Bearer {minted.text}"}


async def post(port: int, path: str, body: bytes, headers: dict[str, str]) -> Reply:
    async with await Connection.open(port) as connection:
        await connection.say(request("POST", path, body=body, headers=headers))
        return await connection.hear()


async def test_what_a_worker_delivers_and_another_api_marks_is_told(database: str, project: Path) -> None:
    async with (
        open_house(database, project=project) as house,
        another_api(database) as one,
        another_api(database) as two,
    ):
        await house.put("/v1/recipients/ana", {})
        token = token_of(house, "ana")
        async with follow(one, "/v1/feed/events", token) as here, follow(two, "/v1/feed/events", token) as there:
            for stream in (here, there):
                assert (await stream.event()).data["total"] == 0
            await house.trigger({"recipients": ["ana"]}, "ready")
            for stream in (here, there):  # by looking it would take a quarter of a minute
                assert [item["body"] for item in (await stream.event(within_s=5)).data["items"]] == ["12345"]
            assert (await post(one, "/v1/feed/read", b'{"all": true}', token)).json["changed"] == 1
            event = await there.event(within_s=5)
            assert (event.data["unread"], bool(event.data["items"][0]["read_at"])) == (0, True)


async def test_who_is_cut_off_again_and_again_misses_nothing(database: str, project: Path) -> None:
    """PROMISES P18: the last id goes on where it was, and what is counted equals the rows."""
    choice = random.Random(18)
    async with open_house(database, project=project) as house, another_api(database) as port:
        await house.put("/v1/recipients/ana", {})
        token = token_of(house, "ana")
        known: dict[str, Any] = {}
        last = 0

        async def deliver() -> None:
            for number in range(60):
                await house.trigger({"recipients": ["ana"]}, "ready")
                if number % 4 == 0 and known:
                    word = choice.choice(["read", "archive", "seen", "unread", "unarchive"])
                    some = ", ".join(f'"{id}"' for id in choice.sample(sorted(known), min(3, len(known))))
                    await post(port, f"/v1/feed/{word}", f'{{"ids": [{some}]}}'.encode(), token)

        async def listen(stream: Stream, events: int) -> None:
            nonlocal last
            for _ in range(events):
                event = await stream.event(within_s=5)
                assert event.id > last
                last = event.id
                known.update((item["id"], item) for item in event.data["items"])

        delivering = asyncio.create_task(deliver())
        counts: dict[str, int] = {}
        while not delivering.done() or len(known) < 60 or counts.get("rev") != last:
            async with follow(port, f"/v1/feed/events?since={last}", token) as stream:
                try:
                    await listen(stream, choice.randrange(1, 4))
                except TimeoutError:
                    assert delivering.done(), "there is more to come, and nothing was told"
            counts = await house.get("/v1/recipients/ana/feed/counts")
        await delivering
        rows = (await house.get("/v1/recipients/ana/feed?status=all&limit=100"))["items"]
        assert len(rows) == 60
        assert {item["id"]: item for item in rows} == known
        here = [item for item in rows if item["archived_at"] is None]
        assert counts == {
            "total": len(here),
            "unseen": sum(item["seen_at"] is None for item in here),
            "unread": sum(item["read_at"] is None for item in here),
            "rev": last,
        }
        await house.check()
