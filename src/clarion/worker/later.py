"""What the handlers of a consumer have left behind: it takes nobody's place, and its jobs stay leased."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import timedelta

import structlog

from clarion import clock
from clarion.queue.job import Job
from clarion.queue.late import Late
from clarion.worker.leases import Leases

log = structlog.get_logger()


class Later:
    """Waits for what was left behind, any number at a time."""

    def __init__(self, queue: str, leases: Leases, *, done: Callable[[], None]) -> None:
        """*done* is called whenever some of it is over."""
        self._queue = queue
        self._leases = leases
        self._done = done
        self._tasks: dict[asyncio.Task[None], int] = {}

    def __len__(self) -> int:
        """How many jobs there are."""
        return sum(self._tasks.values())

    def leave(self, jobs: Sequence[Job], late: Late | None) -> None:
        """A handler is through with *jobs*, but for those that are *late*."""
        if late is None:
            self._leases.forget(jobs)
            return
        self._leases.forget([job for job in jobs if job not in late.jobs])
        self._tasks[asyncio.get_running_loop().create_task(self._wait(late))] = len(late.jobs)

    async def close(self, handling: Collection[asyncio.Task[None]], drain: timedelta | None) -> None:
        """Wait for *handling*, and for what that leaves behind, no longer than *drain*: the rest is given up."""
        seconds = None if drain is None else drain.total_seconds()
        began = clock.monotonic()
        late = (await asyncio.wait(handling, timeout=seconds))[1] if handling else set()
        if self._tasks:
            left = None if seconds is None else max(seconds - (clock.monotonic() - began), 0)
            late = late | (await asyncio.wait(self._tasks, timeout=left))[1]
        for task in late:
            log.warning("worker.drain_timeout", queue=self._queue, held=len(self._leases))
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _wait(self, late: Late) -> None:
        try:
            await late.rest
        except Exception:  # their leases run out, and whoever has them then finds what was done
            log.exception("job.handler_failed", queue=self._queue, jobs=[str(job.id) for job in late.jobs[:5]])
        finally:
            self._leases.forget(late.jobs)
            task = asyncio.current_task()
            assert task is not None
            self._tasks.pop(task, None)
            self._done()
