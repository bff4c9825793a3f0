"""The step between the connections and the spool: one write for all mails of one turn of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from clarion.dev.catcher.spool import Spool
from clarion.smtp.intake import Answering, Arrival, Manners

#: How the catcher speaks.
MANNERS = Manners(
    name=b"clarion-catcher",
    taken=lambda number: b"250 2.0.0 Caught as %d" % number,
    not_kept=b"452 4.3.1 The mail could not be written to the disk",
)


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
