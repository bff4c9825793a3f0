"""``clarion webhooks`` shows which endpoints are held back, and opens them again."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import asyncpg
from tests.support.command import clarion

from clarion.flows.publish import pace_of
from clarion.queue import limits

_SECRET = "whsec_" + "b" * 32


async def test_endpoints_are_listed_with_their_state_and_opened_again(database: str, tmp_path: Path) -> None:
    table = {
        name: {"url": f"https://{name}.example/hook?key=1", "secrets": [_SECRET]} for name in ("orders", "news", "ads")
    }
    settings = {
        "CLARION_DATABASE_URL": database,
        "CLARION_PROJECT": str(tmp_path),
        "CLARION_WEBHOOKS": json.dumps(table),
    }
    connection = await asyncpg.connect(database)
    try:
        await limits.close(connection, pace_of(("webhook", "orders")), "HTTP 410: the endpoint wants no more")
        await limits.pause(connection, pace_of(("webhook", "news")), timedelta(minutes=5), "HTTP 429")
    finally:
        await connection.close()

    async def states() -> dict[str, tuple[str, str | None]]:
        listed = await clarion("webhooks", "list", "--json", settings=settings)
        assert listed.code == 0, listed.err
        assert "b" * 32 not in listed.out
        return {line["name"]: (line["state"], line["reason"]) for line in listed.lines}

    assert await states() == {
        "orders": ("closed", "HTTP 410: the endpoint wants no more"),
        "news": ("paused", "HTTP 429"),
        "ads": ("open", None),
    }
    assert (await clarion("webhooks", "open", "orders", settings=settings)).code == 0
    assert (await states())["orders"] == ("open", None)
    unknown = await clarion("webhooks", "open", "order", settings=settings)
    assert (unknown.code, "did you mean `orders`?" in unknown.err) == (3, True)


async def test_without_endpoints_it_says_how_to_name_one(database: str, tmp_path: Path) -> None:
    settings = {"CLARION_DATABASE_URL": database, "CLARION_PROJECT": str(tmp_path)}
    listed = await clarion("webhooks", "list", settings=settings)
    assert (listed.code, "[webhooks.NAME]" in listed.out + listed.err) == (0, True)
