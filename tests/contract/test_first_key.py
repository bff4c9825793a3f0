"""The first key that whoever deploys brings along: `migrate` and `api` see to it that it opens everything."""

from __future__ import annotations

import asyncio
import secrets
import socket
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import asyncpg
import pytest
from tests.support.command import HOTEL, Program, clarion
from tests.support.wait import wait_until

_KEY = "clk_brought_along_by_the_container"
_KEYS = "SELECT t.name, k.scopes FROM api_key k JOIN tenant t ON t.id = k.tenant_id"


@pytest.fixture
def settings(empty_database: str, tmp_path: Path) -> dict[str, str]:
    """What every container gets: the same key and the same secret."""
    return {
        "CLARION_DATABASE_URL": empty_database,
        "CLARION_PROJECT": str(HOTEL),
        "CLARION_DATA_DIR": str(tmp_path / "data"),
        "CLARION_SECRET": secrets.token_hex(32),
        "CLARION_API_KEY": _KEY,
    }


async def _keys(settings: dict[str, str]) -> list[tuple[str, list[str]]]:
    connection = await asyncpg.connect(settings["CLARION_DATABASE_URL"])
    try:
        return [(row["name"], row["scopes"]) for row in await connection.fetch(_KEYS)]
    finally:
        await connection.close()


def _status(port: int) -> int:
    """What the API answers to the key; 0 while nobody answers."""
    request = Request(f"http://127.0.0.1:{port}/v1/queues", headers={"Authorization": f"Bearer {_KEY}"})
    try:
        with urlopen(request, timeout=5) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code
    except OSError:
        return 0


async def _until(port: int, status: int) -> None:
    async def answers() -> bool:
        return await asyncio.to_thread(_status, port) == status

    await wait_until(answers, 30, f"the API answers {status}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_migrating_makes_it_once(settings: dict[str, str]) -> None:
    for _ in range(2):
        done = await clarion("migrate", settings=settings)
        assert (done.code, done.err) == (0, "")
        assert await _keys(settings) == [("default", ["*"])]
    without = {name: value for name, value in settings.items() if name != "CLARION_API_KEY"}
    listed = await clarion("keys", "list", "--json", settings=without)
    assert listed.json["name"] == "first key"


async def test_one_that_was_closed_stays_so_and_is_told_of(settings: dict[str, str]) -> None:
    await clarion("migrate", settings=settings)
    other = await clarion("migrate", settings={**settings, "CLARION_SECRET": secrets.token_hex(32)})
    assert "stored under another CLARION_SECRET" in other.err
    listed = await clarion("keys", "list", "--json", settings=settings)
    assert (await clarion("keys", "revoke", listed.json["id"], settings=settings)).code == 0
    again = await clarion("migrate", settings=settings)
    assert again.code == 0
    assert "key.not_as_configured" in again.err
    assert "it was revoked" in again.err
    assert _KEY not in again.err + other.err


async def test_the_api_makes_it_whichever_starts_first(settings: dict[str, str], tmp_path: Path) -> None:
    """The API first, on an empty database; then one on a database that was migrated without the key."""
    port = _free_port()
    (tmp_path / "one").mkdir()
    async with Program(tmp_path / "one", "api", "--port", port, **settings):
        await wait_until(lambda: _status(port) != 0, 30, "the API answers")
        without = {name: value for name, value in settings.items() if name != "CLARION_API_KEY"}
        assert (await clarion("migrate", settings=without)).code == 0
        await _until(port, 200)
    assert await _keys(settings) == [("default", ["*"])]
    connection = await asyncpg.connect(settings["CLARION_DATABASE_URL"])
    await connection.execute("DELETE FROM api_key; DELETE FROM tenant")
    await connection.close()
    async with Program(tmp_path / "one", "api", "--port", port, **settings):
        await _until(port, 200)
