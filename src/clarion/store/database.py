"""The pool of connections, and how each is set up."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import asyncpg
import orjson

from clarion.errors import ConfigError

Connection: TypeAlias = "asyncpg.Connection[Any] | asyncpg.pool.PoolConnectionProxy[Any]"
Pool: TypeAlias = "asyncpg.Pool[Any]"

#: What a database that is away, too slow or too busy raises; the same may be tried again.
AWAY: Final[tuple[type[Exception], ...]] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.QueryCanceledError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.InsufficientResourcesError,  # too many connections, a full disk
    asyncpg.InvalidTransactionStateError,  # a standby, read-only for now
    asyncpg.InternalClientError,  # the server said goodbye while nobody listened, and the driver is out of step
    asyncpg.OperatorInterventionError,
)


async def open_pool(
    url: str,
    *,
    size: int,
    statement_timeout_s: float,
    application_name: str,
    idle_in_transaction_s: float = 60.0,
    statement_cache_size: int = 1024,
) -> Pool:
    """A pool of at most *size* connections to *url*, JSON columns decoded, every statement under a time limit.

    Who says nothing for *idle_in_transaction_s* in the middle of a transaction, because it is frozen, loses the
    connection, for others wait for what it has locked.
    `statement_cache_size` 0 is for PgBouncer in transaction mode.
    """
    return await asyncpg.create_pool(
        url,
        min_size=size,  # opened at start: the first burst of work must not wait for connections
        max_size=size,
        init=set_up,
        reset=_keep,
        statement_cache_size=statement_cache_size,
        max_inactive_connection_lifetime=300,
        command_timeout=statement_timeout_s + 5,
        server_settings={
            "application_name": application_name,
            "statement_timeout": str(int(statement_timeout_s * 1000)),
            "idle_in_transaction_session_timeout": str(int(idle_in_transaction_s * 1000)),
            # Generic plans: the hot statements take arrays, and planning each anew costs more than running it.
            "plan_cache_mode": "force_generic_plan",
            # … and such a plan, made while a table was empty, must still be right when it holds a million rows: to read
            # an empty table from end to end is the cheapest plan of all, and it lives until the table is analysed.
            "enable_seqscan": "off",
            "enable_bitmapscan": "off",
            "jit": "off",
        },
    )


async def set_up(connection: Connection) -> None:
    """Teach a new connection JSON: values go in and out as Python data."""
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", format="binary", encoder=_encode_jsonb, decoder=_decode_jsonb
    )


async def _keep(connection: Connection) -> None:
    """Nothing to undo when a connection goes back to the pool: no session state is ever left on one.

    asyncpg's own reset is a round trip for every use of a connection.
    """


async def check_durable(connection: Connection, *, allow_unsafe: bool = False) -> None:
    """Refuse a server that would lose what it acknowledged (PROMISES P1).

    Raises `ConfigError` when fsync or full_page_writes is off or commits are not waited for, unless *allow_unsafe*.
    """
    off = [
        name
        for name in ("fsync", "full_page_writes", "synchronous_commit")
        if await connection.fetchval(f"SELECT current_setting('{name}')") == "off"
    ]
    if off and not allow_unsafe:
        raise ConfigError(
            f"This PostgreSQL runs with {', '.join(off)} off: it would lose notifications that were acknowledged."
            " Turn it on, or set CLARION_UNSAFE_ALLOW_FSYNC_OFF=true where losing them does not matter."
        )


def is_away(error: BaseException) -> bool:
    """Whether *error* says that the database is away, too slow or too busy, and nothing of what it was given."""
    return isinstance(error, AWAY) and not isinstance(error, ValueError)  # the driver's word for a value it cannot send


def _encode_jsonb(value: object) -> bytes:
    return b"\x01" + orjson.dumps(value)  # the binary form of jsonb: a version byte, then the text


def _decode_jsonb(data: bytes) -> object:
    return orjson.loads(data[1:])
