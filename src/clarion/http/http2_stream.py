"""One request by HTTP/2 and its answer: what is heard of it, and what is known of it when nothing more is."""

from __future__ import annotations

import asyncio

from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, ResponseReceived, StreamEnded, StreamReset

from clarion.http.progress import MOST_READ, Progress


class Stream:
    """Tells `ended` when there is an answer, or none."""

    __slots__ = ("ended", "is_whole", "progress")

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        #: Whether nothing more comes.
        self.is_whole = False

    def hear(self, event: Event) -> None:
        """Take in what concerns it."""
        progress = self.progress
        match event:
            case ResponseReceived(headers=headers):
                told = {name.decode("latin-1"): text.decode("latin-1") for name, text in headers or ()}
                progress.headers = {name: text for name, text in told.items() if not name.startswith(":")}
                progress.status = int(told[":status"])
            case DataReceived(data=data):
                progress.body += (data or b"")[: MOST_READ - len(progress.body)]
                if len(progress.body) >= MOST_READ:
                    self.end(None)
            case StreamEnded():
                self.is_whole = True
                self.end(None)
            case StreamReset(error_code=code):
                self.fail(
                    ConnectionError(f"the server reset the stream: {named(code)}"),
                    unheard=code == ErrorCodes.REFUSED_STREAM,
                )
            case _:
                pass

    def fail(self, error: ConnectionError, *, unheard: bool = False) -> None:
        """Nothing more comes. *unheard*: its server says that it was not begun."""
        self.progress.sent = self.progress.sent and not unheard
        self.is_whole = True
        self.end(error)

    def end(self, error: ConnectionError | None) -> None:
        """Whoever waits for it need not any longer."""
        if self.ended.done():
            return
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)


def named(code: object) -> str:
    """An error code of HTTP/2, as the RFC calls it."""
    return code.name if isinstance(code, ErrorCodes) else str(code)
