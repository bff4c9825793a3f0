"""Waiting for something to come true, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any


async def wait_until(condition: Callable[[], Any], timeout: float = 10.0, what: str = "the condition") -> Any:
    """Ask *condition* (a function, plain or async) until its answer is true, and return that answer.

    Raises `AssertionError` that names *what* and the last answer when it does not come true in *timeout* seconds.
    """
    deadline = time.monotonic() + timeout
    pause = 0.001
    while True:
        answer = condition()
        value = await answer if inspect.isawaitable(answer) else answer
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what} (last answer: {value!r})")
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, 0.05)
