"""Messages that wait for the domain they are for."""

from __future__ import annotations

from collections.abc import Sequence

from clarion import sql
from clarion.store.database import Connection

_SQL = sql.load(__file__)


async def let_go_expired(connection: Connection, queue: str, paces: Sequence[str], most: int, *, lanes: int) -> int:
    """Free the jobs of *queue* of messages whose deadline passed while they waited under one of *paces*: they are ended
    at their next claim. At most *most* of them; how many. *lanes* is how many there are for tenants."""
    return int(await connection.fetchval(_SQL["let_go_expired"], list(paces), most, lanes, queue))
