"""One connection to Redis, for one thing at a time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, NoScriptError, RedisError, ResponseError

from clarion.brokers import encryption
from clarion.brokers.base import Disconnected
from clarion.brokers.bullmq.scripts import Script
from clarion.errors import ConfigError

#: How long a connection may take to stand, and an answer to come, in seconds.
CONNECT_S = 5.0
PATIENCE_S = 10.0
_SLOW = f"it takes longer than {CONNECT_S:g} s"
#: BullMQ's scripts need what came with this version.
OLDEST = (6, 2)


class Connection:
    """A connection that is lost for good when it is lost: it never comes back by itself, under nobody's eyes.

    Calls from several tasks take turns. A call that is cancelled half-way takes the connection with it.
    """

    def __init__(self, url: str, *, name: str) -> None:
        """*name* is what Redis shows in CLIENT LIST. Raises `ConfigError` for an *url* that is none."""
        plain, options = encryption.split(url)
        self._turn = asyncio.Lock()
        self._lost: str | None = "it is not open yet"
        self._url = plain
        extra = {} if url.startswith("unix:") else {"socket_keepalive": True}
        try:
            pool = ConnectionPool.from_url(
                plain,
                client_name=name,
                protocol=2,
                socket_timeout=None,  # with one, an answer that does not come in time is None
                socket_connect_timeout=CONNECT_S,
                retry=Retry(NoBackoff(), 0),
                **extra,
            )
            self._redis = pool.make_connection()  # type: ignore[no-untyped-call]
            if encryption.is_encrypted(plain):
                self._redis.ssl_context.context = encryption.context(options)
        except (ValueError, TypeError) as error:
            raise ConfigError(f"the address of Redis cannot be used: {error}; write redis://HOST:PORT/NUMBER") from None

    async def open(self) -> None:
        """Raises `Disconnected` when Redis is away, `ConfigError` when it will not have us, or cannot be trusted."""
        try:
            await self._connect()
        except (AuthenticationError, NoPermissionError) as error:
            raise ConfigError(f"Redis refuses us: {error}. Check user and password in its address") from None
        except (RedisError, OSError, TimeoutError) as error:
            if (fault := encryption.refusal(error)) is not None:
                where = f"{self._redis.host}:{self._redis.port}"
                raise ConfigError(f"Redis at {where} cannot be used: {fault}.") from None
            said = encryption.cut_off(self._url, str(error) or _SLOW)
            raise Disconnected(f"Redis cannot be reached: {said}") from None
        self._lost = None

    async def _connect(self) -> None:
        """Stand, or be closed: the client leaves half a connection, given up while Redis was silent, to the garbage."""
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._redis.connect()
        except BaseException:
            await self._lose(self._lost or "it could not be opened")
            raise

    async def check_version(self) -> str:
        """Which Redis it is. Raises `ConfigError` for one that is too old."""
        told = await self.call("INFO", "server")
        facts = dict(line.split(":", 1) for line in told.decode().splitlines() if ":" in line)
        version: str = facts.get("redis_version", "0.0")
        if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
            raise ConfigError(f"this is Redis {version}: queues of BullMQ need 6.2 or newer")
        return version

    async def call(self, *command: Any, blocks_s: float = 0.0) -> Any:
        """What Redis answers to *command*, which lets it wait for *blocks_s*.

        Raises `Disconnected` when it does not answer in time, or refuses.
        """
        try:
            return await self._exchange(command, blocks_s + PATIENCE_S)
        except ResponseError as error:
            raise Disconnected(f"Redis refused {command[0]}: {error}") from None

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """What *script* answers. Raises as `call`."""
        rest = (len(keys), *keys, *arguments)
        try:
            return await self._exchange(("EVALSHA", script.sha, *rest), PATIENCE_S)
        except NoScriptError:
            return await self.call("EVAL", script.text, *rest)
        except ResponseError as error:
            raise Disconnected(f"Redis refused a script: {error}") from None

    async def _exchange(self, command: Sequence[Any], timeout: float) -> Any:
        async with self._turn:
            if self._lost is not None:
                raise Disconnected(f"the connection to Redis is lost: {self._lost}")
            try:
                async with asyncio.timeout(timeout):
                    await self._redis.send_command(*command, check_health=False)
                    return await self._redis.read_response()
            except ResponseError:
                raise  # an answer like any other to the connection
            except (RedisError, OSError, TimeoutError) as error:
                await self._lose(str(error) or f"no answer in {timeout:g} s")
                raise Disconnected(f"the connection to Redis is lost: {self._lost}") from None
            except BaseException:
                await self._lose("a call was given up half-way")
                raise

    async def close(self) -> None:
        """Let go of it. Idempotent; never raises."""
        await self._lose(self._lost or "it was closed")

    async def _lose(self, why: str) -> None:
        self._lost = why
        with contextlib.suppress(RedisError, OSError, TimeoutError):
            await self._redis.disconnect(nowait=True)

    @property
    def lost(self) -> str | None:
        """Why it is of no use any more."""
        return self._lost
