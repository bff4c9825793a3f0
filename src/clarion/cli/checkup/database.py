"""The database: reached, new enough, durable, migrated, with a clock and connections that will do; then its work."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from clarion.app import open_database
from clarion.cli.checkup.finding import Finding, Level, fail, ok, warn
from clarion.cli.checkup.work import check_schedules, check_triggers, check_workers
from clarion.cli.database import connect, revision
from clarion.config import Settings
from clarion.errors import ClarionError
from clarion.store.database import Connection
from clarion.store.migrate import HEAD

_OLDEST = 140000
_OFFSET_S = 1.0
_FAR_OFFSET_S = 30.0
_SHARE = 0.7


async def check_database(settings: Settings) -> AsyncIterator[Finding]:
    """Findings on the configured database, or on the embedded one, started for that long if need be."""
    try:
        async with open_database(settings) as url, connect(url) as connection:
            kind = "embedded" if settings.database_url is None else "configured"
            yield ok("database", f"{kind}, reached")
            yield await _version(connection)
            yield await _durability(connection, settings)
            migrations = await _migrations(connection)
            yield migrations
            yield await _clock(connection)
            yield await _connections(connection, settings)
            if migrations.level is not Level.FAIL:
                yield await check_workers(connection)
                yield await check_schedules(connection)
                yield await check_triggers(connection)
    except ClarionError as error:
        yield fail("database", error.message, "clarion doctor again, once that is done")


async def _version(connection: Connection) -> Finding:
    number = int(await connection.fetchval("SELECT current_setting('server_version_num')"))
    says = f"PostgreSQL {await connection.fetchval('SHOW server_version')}"
    if number < _OLDEST:
        return fail("version", f"{says} is older than 14, the oldest that Clarion runs on", "upgrade the server")
    return ok("version", says)


async def _durability(connection: Connection, settings: Settings) -> Finding:
    names = ("fsync", "full_page_writes", "synchronous_commit")
    off = [n for n in names if await connection.fetchval("SELECT current_setting($1)", n) == "off"]
    if not off:
        return ok("durability", "fsync, full_page_writes and synchronous_commit are on")
    says = f"{', '.join(off)} is off: a crash loses notifications that were acknowledged"
    if settings.unsafe_allow_fsync_off:
        return warn("durability", f"{says}; unsafe_allow_fsync_off allows it", f"SET {off[0]} = on on the server")
    return fail("durability", f"{says}, so Clarion does not start", f"set {off[0]} = on on the server")


async def _migrations(connection: Connection) -> Finding:
    found = await revision(connection)
    if found is None or found < HEAD:
        says = f"at version {found or 'none'}; this Clarion needs {HEAD}"
        return fail("migrations", says, "clarion migrate (`clarion up` does it by itself)")
    if found > HEAD:
        says = f"at version {found}, newer than this Clarion ({HEAD}): fine while versions change"
        return warn("migrations", says, "upgrade this Clarion")
    return ok("migrations", f"at version {HEAD}")


async def _clock(connection: Connection) -> Finding:
    before = time.time()
    theirs = (await connection.fetchval("SELECT clock_timestamp()")).timestamp()
    after = time.time()
    offset = theirs - (before + after) / 2
    if abs(offset) < max(_OFFSET_S, after - before):
        return ok("clock", f"{abs(offset) * 1000:.0f} ms from the database's")
    says = f"{abs(offset):.1f} s {'behind' if offset > 0 else 'ahead of'} the database's, by which Clarion goes"
    how = "let an NTP service set both clocks"
    return fail("clock", says, how) if abs(offset) > _FAR_OFFSET_S else warn("clock", says, how)


async def _connections(connection: Connection, settings: Settings) -> Finding:
    most = int(await connection.fetchval("SELECT current_setting('max_connections')"))
    # Each process keeps one more to listen on.
    wanted = (
        settings.database.api_connections + 1 + settings.worker.processes * (settings.database.worker_connections + 1)
    )
    says = f"one API process and {settings.worker.processes} workers take up to {wanted} of {most}"
    if wanted > most * _SHARE:
        how = "raise max_connections, lower database.worker_connections, or put PgBouncer in between"
        return warn("connections", f"{says}, more than {_SHARE:.0%}: a rolling deploy needs some twice", how)
    return ok("connections", says)
