"""A PostgreSQL of one test alone, and what can become of it: stopped at once, a backend killed, its disk full."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support import memory
from tests.support.cluster import Cluster
from tests.support.wait import wait_until

from clarion.dev.postgres import EmbeddedPostgres
from clarion.flows.endings import PASSING
from clarion.store.migrate import migrate

#: The sessions of the processes under test.
OURS = "FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'clarion%'"
#: From now on the disk is full whenever there is a row in `full_disk`.
FULL_DISK = """
    CREATE TABLE full_disk (since timestamptz);
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT FROM full_disk) THEN
            RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
        END IF;
        RETURN new;
    END $$;
    CREATE TRIGGER full_disk BEFORE INSERT ON trigger FOR EACH ROW EXECUTE FUNCTION refuse();
    CREATE TRIGGER full_disk BEFORE INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION refuse();
    CREATE TRIGGER full_disk BEFORE UPDATE ON message FOR EACH ROW EXECUTE FUNCTION refuse();
    CREATE TRIGGER full_disk BEFORE INSERT ON feed_item FOR EACH ROW EXECUTE FUNCTION refuse();
"""


@asynccontextmanager
async def own_postgres() -> AsyncIterator[EmbeddedPostgres]:
    """One that nobody else uses, migrated."""
    with memory.folder("clarion-own-") as folder:
        async with EmbeddedPostgres(Path(folder)) as server:
            await migrate(server.url())
            yield server


async def stop_at_once(server: EmbeddedPostgres) -> None:
    """PostgreSQL's immediate shutdown: no checkpoint, so that it recovers when it is started again."""
    pid = server.pid()
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    await wait_until(lambda: not server.runs_here, 30, "the server is gone")


async def kill_a_backend(cluster: Cluster) -> bool:
    """One of a worker's, if there is any; the server ends all others too, and recovers."""
    backend = await cluster.pool.fetchval(f"SELECT pid {OURS} AND application_name = 'clarion worker' LIMIT 1")
    if backend is None:
        return False
    os.kill(backend, signal.SIGKILL)
    return True


async def until_it_answers(cluster: Cluster) -> None:
    """Wait until the test itself can ask the database again."""
    await cluster.pool.expire_connections()

    async def so() -> bool:
        try:
            return bool(await cluster.pool.fetchval("SELECT 1"))
        except PASSING:
            return False

    await wait_until(so, 60, "the server answers again")
