"""A worker process: its consumers, and the duties that keep the whole in order."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

import structlog

from clarion.worker.consumer import Consumer
from clarion.worker.periodic import Periodic

if TYPE_CHECKING:
    from clarion.worker.sources import Sources

log = structlog.get_logger()


class Door(Protocol):
    """Something by which others come to us."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Stand open until *stopping* is set."""
        ...


class Worker:
    """Consumers and duties that start together, and on a stop finish what was begun."""

    def __init__(
        self,
        name: str,
        consumers: Sequence[Consumer],
        duties: Sequence[Periodic],
        sources: Sources | None = None,
        doors: Sequence[Door] = (),
    ) -> None:
        self.name = name
        self.consumers = consumers
        self.duties = duties
        self.sources = sources
        self.doors = doors

    async def run(self, stopping: asyncio.Event, drain: timedelta) -> None:
        """Work until *stopping* is set, then at most *drain* longer."""
        log.info("worker.started", worker=self.name, queues=[consumer.queue for consumer in self.consumers])
        async with asyncio.TaskGroup() as tasks:
            for duty in self.duties:
                tasks.create_task(duty.run(stopping))
            for consumer in self.consumers:
                tasks.create_task(consumer.run(stopping, drain))
            for door in self.doors:
                tasks.create_task(door.run(stopping))
            if self.sources is not None:
                tasks.create_task(self.sources.run(stopping, drain))
        log.info("worker.stopped", worker=self.name)

    async def run_once(self) -> int:
        """Every duty and every consumer once; how many jobs were handled."""
        for duty in self.duties:
            await duty.run_once()
        return sum([await consumer.run_once() for consumer in self.consumers])
