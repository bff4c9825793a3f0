"""The feeds, for the page of what `up` has caught: read from its database, where the messages in the app are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from email.utils import format_datetime

import asyncpg

from clarion import ids
from clarion.cli.running import find
from clarion.config import Settings
from clarion.dev.fakes.chat_message import Said
from clarion.errors import ClarionError
from clarion.store import feed_caught
from clarion.store.database import Connection

_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ClarionError)


class Feeds:
    """Those of the system that runs with *settings*; none while it starts, or its database is away."""

    def __init__(self, settings: Settings) -> None:
        self._data_dir = settings.data_dir
        self._url = settings.database_url

    async def count(self) -> int:
        try:
            async with self._connected() as connection:
                return 0 if connection is None else await feed_caught.count(connection)
        except _AWAY:
            return 0

    async def newest(self, words: str, limit: int) -> Sequence[Said]:
        try:
            async with self._connected() as connection:
                rows = () if connection is None else await feed_caught.newest(connection, words, limit)
        except _AWAY:
            return ()
        return [
            Said(
                id=ids.show(ids.Prefix.MESSAGE, row["message_id"]),
                provider=row["workflow_key"],
                room=row["recipient_id"],
                text="\n".join(filter(None, (row["title"], row["body"], row["url"]))),
                body={"status": row["status"]},
                when=format_datetime(row["created_at"], usegmt=True),
            )
            for row in rows
        ]

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection | None]:
        from clarion.cli.database import connect

        running = find(self._data_dir)
        if running is None:
            yield None
            return
        url = self._url.get_secret_value() if self._url is not None else running.database
        if url is None:
            yield None
            return
        async with connect(url) as connection:
            yield connection
