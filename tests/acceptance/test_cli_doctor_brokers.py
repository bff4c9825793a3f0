"""`clarion doctor` speaks with the brokers: it logs in, asks for what is needed, and says what is wrong in words."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.acceptance.test_cli_doctor import examine
from tests.support.command import HOTEL
from tests.support.nats import nats_server
from tests.support.rabbitmq import rabbitmq_server
from tests.support.redis import redis_server


@pytest.fixture
def settings(database: str, tmp_path: Path) -> dict[str, str]:
    """A good database and a data folder."""
    return {"CLARION_DATABASE_URL": database, "CLARION_DATA_DIR": str(tmp_path), "CLARION_PROJECT": str(HOTEL)}


async def told(settings: Mapping[str, str], what: str, **urls: str) -> tuple[int, str, str]:
    """The exit status, and the level and the words of the finding *what*. No secret is in any of it."""
    code, findings = await examine({**settings, **{f"CLARION_{name.upper()}": url for name, url in urls.items()}})
    assert "hidden" not in str(findings)
    return code, findings[what]["level"], findings[what]["says"]


async def test_nobody_is_asked_where_none_is_configured(settings: dict[str, str]) -> None:
    _, findings = await examine(settings)
    assert not {"RabbitMQ", "NATS", "Redis"} & findings.keys()


async def test_who_is_away_is_a_warning(settings: dict[str, str]) -> None:
    """Refused, or silent; of several servers those that are away."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        urls = {
            "CLARION_NATS_URL": f"nats://me:hidden@127.0.0.1:1,nats://me:hidden@127.0.0.1:{port}",
            "CLARION_REDIS_URL": f"redis://:hidden@127.0.0.1:{port}/0",
            "CLARION_BROKERS": f"orders=amqp://me:hidden@127.0.0.1:1 news=amqp://me:hidden@127.0.0.1:{port}",
        }
        code, findings = await examine({**settings, **urls})
    assert code == 0
    assert "hidden" not in str(findings)
    names = ("NATS", "Redis", "broker orders", "broker news")
    assert [findings[name]["level"] for name in names] == ["warn"] * 4
    says: dict[str, str] = {name: findings[name]["says"] for name in names}
    assert says["broker orders"].startswith("127.0.0.1:1 cannot be reached: Connection refused")
    assert says["NATS"].startswith("127.0.0.1:1 cannot be reached: Connection refused")
    assert f"127.0.0.1:{port} NATS at 127.0.0.1:{port} did not answer within 5 s" in says["NATS"]
    assert "did not answer within 5 s" in says["broker news"]
    assert "takes longer than 5 s" in says["Redis"]
    assert all("what is published waits" in said for said in says.values())


async def test_redis_is_logged_in_to(settings: dict[str, str], tmp_path: Path) -> None:
    async with redis_server(tmp_path / "redis").running() as redis:
        code, level, says = await told(settings, "Redis", redis_url=redis.url)
        assert (code, level) == (0, "ok")
        assert says.startswith(f"127.0.0.1:{redis.port} is Redis 6.2.")
        code, level, says = await told(settings, "Redis", redis_url=f"redis://me:hidden@127.0.0.1:{redis.port}/0")
        assert (code, level) == (1, "fail")
        assert "Redis refuses us: " in says and "Check user and password" in says


async def test_redis_that_is_older_than_bullmq_wants(settings: dict[str, str]) -> None:
    async with old_redis() as port:
        code, level, says = await told(settings, "Redis", redis_url=f"redis://:hidden@127.0.0.1:{port}/0")
    assert (code, level) == (1, "fail")
    assert "this is Redis 5.0.14: queues of BullMQ need 6.2 or newer" in says


async def test_nats_is_asked_for_jetstream(settings: dict[str, str], tmp_path: Path) -> None:
    users = """
accounts: {
  WITH: { jetstream: enabled, users: [
    { user: root, password: "hidden" },
    { user: few, password: "hidden", permissions: { publish: ["x"], subscribe: ["_INBOX.>"] } } ] }
  WITHOUT: { users: [ { user: bare, password: "hidden" } ] }
}"""
    server = nats_server(tmp_path / "nats")
    server._more = users
    async with server.running() as nats:

        async def as_(user: str, password: str = "hidden") -> tuple[int, str, str]:
            return await told(settings, "NATS", nats_url=f"nats://{user}:{password}@127.0.0.1:{nats.port}")

        code, level, says = await as_("root")
        assert (code, level) == (0, "ok")
        assert says.startswith(f"127.0.0.1:{nats.port} is NATS 2.") and "with JetStream (0 streams)" in says
        code, level, says = await as_("root", "wrong-hidden")
        assert (code, level) == (1, "fail")
        assert "does not let us in: check user and password" in says
        code, level, says = await as_("bare")
        assert (code, level) == (1, "fail")
        assert "has no JetStream for us" in says
        code, level, says = await as_("few")
        assert (code, level) == (0, "ok")
        assert "JetStream it does not let us ask for" in says


async def test_rabbitmq_is_logged_in_to(settings: dict[str, str], tmp_path: Path) -> None:
    async with rabbitmq_server(tmp_path / "rabbit").running() as rabbit:
        code, level, says = await told(settings, "RabbitMQ", amqp_url=rabbit.url)
        assert (code, level) == (0, "ok")
        assert "is RabbitMQ 3." in says or "is RabbitMQ 4." in says
        address = rabbit.url.rpartition("@")[2].partition("/")[0]
        code, level, says = await told(settings, "RabbitMQ", amqp_url=f"amqp://guest:hidden@{address}/")
        assert (code, level) == (1, "fail")
        assert "does not let 'guest' in: check user and password" in says
        code, level, says = await told(settings, "RabbitMQ", amqp_url=f"{rabbit.url}nowhere")
        assert (code, level) == (1, "fail")
        assert "the virtual host" in says


@asynccontextmanager
async def old_redis() -> AsyncIterator[int]:
    """A port at which a Redis answers that is older than any that can be had: it takes every password."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        facts = b"# Server\r\nredis_version:5.0.14\r\n"
        answers: dict[bytes, bytes] = {b"INFO": b"$%d\r\n%s\r\n" % (len(facts), facts), b"PING": b"+PONG\r\n"}
        try:
            while (line := await reader.readline()).startswith(b"*"):
                words: list[Any] = []
                for _ in range(int(line[1:])):
                    await reader.readline()
                    words.append((await reader.readline()).strip())
                writer.write(answers.get(words[0].upper(), b"+OK\r\n"))
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
