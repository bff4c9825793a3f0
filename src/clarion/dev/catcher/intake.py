"""The step between the connections and the spool: one write for all mails of one turn of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from clarion.dev.catcher.spool import Arrival, Spool


class Answering(Protocol):
    """A connection that waits to answer."""

    def answer(self, first_id: int | None) -> None:
        """Send the replies held back. *first_id* is the id of the batch's first mail; None: the mails are not kept."""
        ...


class Intake:
    """Keeps mails in *spool* before anybody answers for them.

    The event loop hands over what all ready sockets hold in one turn. The mails in it are written together, then every
    connection sends its replies together: under load that is one system call for many mails in each direction.
    """

    def __init__(self, spool: Spool, on_failure: Callable[[OSError], None]) -> None:
        self._spool = spool
        self._on_failure = on_failure
        self._arrivals: list[Arrival] = []
        self._waiting: list[Answering] = []

    def add(self, arrival: Arrival) -> int:
        """Take a mail into the batch; its place there, counted from 0. Call `wait` too."""
        self._arrivals.append(arrival)
        return len(self._arrivals) - 1

    def wait(self, connection: Answering) -> None:
        """Have *connection* answer once the batch is written. Once a batch."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(connection)

    def flush(self) -> None:
        """Write the batch and let the connections answer."""
        arrivals, self._arrivals = self._arrivals, []
        waiting, self._waiting = self._waiting, []
        first: int | None = 0
        if arrivals:
            try:
                first = self._spool.append(arrivals)
            except OSError as error:
                first = None
                self._on_failure(error)
        for connection in waiting:
            connection.answer(first)
