"""Keeps one source open: what breaks is closed and opened anew, after a pause that grows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta

import structlog

from clarion import clock
from clarion.brokers.base import Disconnected, Source
from clarion.errors import ConfigError
from clarion.worker.follower import Look
from clarion.worker.rhythm import Rhythm
from clarion.worker.source_session import Quiet, Session, Take
from clarion.worker.source_view import SourceView
from clarion.worker.waiting import pauses, unless, wait

log = structlog.get_logger()


class SourceRunner:
    """Runs one source until it is told to stop."""

    def __init__(
        self, make: Callable[[], Source], take: Take, look: Look, *, view: SourceView, rhythm: Rhythm | None = None
    ) -> None:
        """*make*: another consumer each time; *take* takes deliveries in; *look* tells how triggers stand."""
        self._make = make
        self._take = take
        self._look = look
        self._view = view
        self._rhythm = rhythm or Rhythm()

    @property
    def name(self) -> str:
        return self._view.origin.source

    async def run(self, stopping: asyncio.Event) -> None:
        """Take in what comes until *stopping* is set. Raises nothing: whatever happens, it is tried again."""
        again = self._pauses()
        while not stopping.is_set():
            began = clock.monotonic()
            try:
                await self._once(stopping)
            except Exception as raised:
                error = _first(raised)
                if clock.monotonic() - began > self._rhythm.well_after.total_seconds():
                    again = self._pauses()
                if isinstance(error, Quiet):
                    log.info("source.replaced", source=self.name, why=str(error))
                    continue
                pause = self._rhythm.longest_pause if isinstance(error, ConfigError) else next(again)
                trouble = str(error) if isinstance(error, Disconnected | ConfigError) else repr(error)
                log.warning("source.lost", source=self.name, error=trouble, again_in_s=round(pause.total_seconds(), 1))
                self._view.now("away", trouble)
                await wait(stopping, pause)
        self._view.now("stopped")

    async def _once(self, stopping: asyncio.Event) -> None:
        source = self._make()
        try:
            if await unless(stopping, self._open(source)):
                self._view.now("connected")
                log.info("source.opened", source=self.name)
                await Session(source, self._take, self._look, view=self._view, rhythm=self._rhythm).run(stopping)
        finally:
            self._view.in_hand = 0
            await self._close(source)

    async def _open(self, source: Source) -> bool:
        try:
            async with asyncio.timeout(self._rhythm.open_within.total_seconds()):
                await source.open()
        except TimeoutError:
            raise Disconnected("the broker does not answer") from None
        return True

    async def _close(self, source: Source) -> None:
        try:
            async with asyncio.timeout(self._rhythm.answer_within.total_seconds()):
                await source.close()
        except Exception as error:
            log.warning("source.close_failed", source=self.name, error=repr(error))

    def _pauses(self) -> Iterator[timedelta]:
        return pauses(self._rhythm.first_pause, self._rhythm.longest_pause)


def _first(error: BaseException) -> BaseException:
    """What went wrong, out of the group that tasks made of it; a lost connection says more than its consequences."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    inner = [_first(one) for one in error.exceptions]
    return next((one for one in inner if isinstance(one, Disconnected)), inner[0])
