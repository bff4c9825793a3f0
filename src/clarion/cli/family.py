"""The processes of one tree: started stage by stage, started again when they die, stopped in the reverse order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from typing import Any

import structlog

from clarion.cli.child import Child
from clarion.errors import Unavailable

log = structlog.get_logger()

_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
#: A child that lived this long was well; the next pause is short again.
_WELL_S = 30.0


class Family:
    """Children in stages: those of one stage stop at the same time, the last stage first."""

    def __init__(self, patience: timedelta) -> None:
        """*patience*: how long a child that was told to stop may take."""
        self._patience = patience
        self._stages: list[tuple[Child, ...]] = []

    @property
    def children(self) -> list[Child]:
        """All of them, in the order of their start."""
        return [child for stage in self._stages for child in stage]

    def add(self, *stage: Child) -> None:
        """Take in the next stage; nothing is started yet."""
        self._stages.append(stage)

    async def start(self, *children: Child) -> list[dict[str, Any]]:
        """Start *children* of ours at the same time; what each tells when it is ready. Raises `Unavailable`."""
        return await together(*(child.start() for child in children))

    async def watch(self, stopping: asyncio.Event) -> None:
        """Start again what dies, until *stopping* is set."""
        watching = [asyncio.create_task(_keep(child)) for child in self.children]
        try:
            await stopping.wait()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)

    async def stop(self) -> None:
        """Stop all of them, the last stage first. Does nothing when they are stopped."""
        for stage in reversed(self._stages):
            await asyncio.gather(*(child.stop(self._patience) for child in stage))


async def together(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    """What *works* answer, done at the same time. When one raises, the others are cancelled and have ended."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def _keep(child: Child) -> None:
    pause = _FIRST_PAUSE_S
    while True:
        began = asyncio.get_running_loop().time()
        code = await child.wait()
        if asyncio.get_running_loop().time() - began > _WELL_S:
            pause = _FIRST_PAUSE_S
        log.error("process.died", child=child.name, code=code, again_in_s=pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE_S)
        with suppress(Unavailable):
            await child.start()
