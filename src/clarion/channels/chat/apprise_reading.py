"""How much of an answer Apprise's plugins get to read: the library by which they speak, requests, has no such limit.

A service that answers without end would fill the memory of the worker, and keep the thread of the call for ever. What
is beyond the limit is not read; the status decides, as ever. Nothing else in this process speaks by requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from requests.adapters import HTTPAdapter

from clarion import clock
from clarion.http.progress import MOST_READ

#: Plugins read what uploads and logins answer, too: more than what our own providers read.
MOST = 16 * MOST_READ
LONGEST_S = 30.0


def bound(adapter: type[HTTPAdapter] = HTTPAdapter, *, longest_s: float = LONGEST_S) -> None:
    """From now on, of all answers no more is read, nor for longer. May be called more than once."""
    build = getattr(adapter.build_response, "unbounded", adapter.build_response)

    def build_response(self: HTTPAdapter, request: Any, answer: Any) -> Any:
        answer.stream = _bounded(answer.stream, answer.close, longest_s)
        return build(self, request, answer)

    build_response.unbounded = build  # type: ignore[attr-defined]
    adapter.build_response = build_response  # type: ignore[assignment, method-assign]


def _bounded(
    stream: Callable[..., Iterator[bytes]], close: Callable[[], None], longest_s: float
) -> Callable[..., Iterator[bytes]]:
    def pieces(*given: Any, **named: Any) -> Iterator[bytes]:
        began, read = clock.monotonic(), 0
        for piece in stream(*given, **named):
            yield piece
            read += len(piece)
            if read > MOST or clock.monotonic() - began > longest_s:
                close()
                return

    return pieces
