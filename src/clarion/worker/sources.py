"""All sources of this worker: opened as bindings are published, changed with them, closed when they go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog

from clarion.brokers import base
from clarion.brokers.base import Delivery
from clarion.domain.source import NatsSource, Source, differences, merged
from clarion.errors import ConfigError
from clarion.flows.bindings import Bindings, Bound
from clarion.flows.follow import Follow
from clarion.flows.ingest import Answer, Ingest
from clarion.flows.reading import Origin
from clarion.store import sources
from clarion.store.database import Pool
from clarion.worker.rhythm import Rhythm
from clarion.worker.source_runner import SourceRunner
from clarion.worker.source_view import SourceView
from clarion.worker.waiting import wait

log = structlog.get_logger()

#: How often it is looked what was published, and written down how the sources look.
TURN_EVERY = timedelta(seconds=1)
#: At the end nobody waits longer for a database that is away.
_PATIENCE_S = 2.0

_Key = tuple[UUID, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What the bindings of one source want of it."""

    spec: Source
    #: Why it cannot be opened: they want different things.
    fault: str | None = None


@dataclass(kw_only=True)
class _Running:
    wanted: _Wanted
    bound: Sequence[Bound]
    view: SourceView
    stopping: asyncio.Event
    task: asyncio.Task[None]


class Sources:
    """Runs a source for each that a published binding listens to."""

    def __init__(
        self,
        pool: Pool,
        bindings: Bindings,
        ingest: Ingest,
        open_source: Callable[[Source], base.Source],
        *,
        follow: Follow,
        worker: str,
        rhythm: Rhythm | None = None,
        every: timedelta = TURN_EVERY,
    ) -> None:
        """*open_source*: the adapter for a source, not opened; raises `ConfigError`. *worker* is who runs them."""
        self._pool = pool
        self._bindings = bindings
        self._ingest = ingest
        self._open_source = open_source
        self._worker = worker
        self._rhythm = rhythm or Rhythm()
        self._every = every
        self._follow = follow
        self._running: dict[_Key, _Running] = {}

    async def run(self, stopping: asyncio.Event, drain: timedelta) -> None:
        """Run them until *stopping* is set; then finish what is in hand, at most for *drain*."""
        try:
            while not stopping.is_set():
                await self._turn()
                await wait(stopping, self._every)
        finally:
            await self._stop(list(self._running), drain)
            await self._leave()

    async def run_once(self) -> None:
        """Open what is new, close what is gone, and write down how all look. Raises what the database raises.

        What is new and gone is told by the bindings as they were read last: to read them is another duty.
        """
        listening = {key: bound for key, (_, bound) in self._bindings.sources().items()}
        wanted = {key: _wanted(bound) for key, bound in listening.items()}
        changed = [key for key, one in self._running.items() if key not in wanted or wanted[key] != one.wanted]
        if changed:
            await self._stop(changed, timedelta(seconds=30))
        for key, one in wanted.items():
            if key in self._running:
                self._running[key].bound = listening[key]
            else:
                self._running[key] = await self._start(key, one, listening[key])
        await self._sign(list(self._running.values()))

    async def _turn(self) -> None:
        try:
            await self.run_once()
        except Exception as error:
            log.warning("worker.duty_failed", duty="sources", error=repr(error))

    async def _start(self, key: _Key, wanted: _Wanted, bound: Sequence[Bound]) -> _Running:
        tenant_id, name = key
        async with self._pool.acquire() as connection:
            number = await sources.number_of(connection, tenant_id, name)
        view = SourceView(Origin(tenant_id=tenant_id, source=name, number=number))
        runner = SourceRunner(
            partial(self._make, wanted),
            partial(self._take, key),
            self._follow,
            view=view,
            rhythm=_rhythm_of(wanted.spec, self._rhythm),
        )
        stopping = asyncio.Event()
        task = asyncio.create_task(runner.run(stopping), name=f"source {name}")
        return _Running(wanted=wanted, bound=bound, view=view, stopping=stopping, task=task)

    def _make(self, wanted: _Wanted) -> base.Source:
        if wanted.fault is not None:
            raise ConfigError(wanted.fault)
        return self._open_source(wanted.spec)

    async def _take(self, key: _Key, deliveries: Sequence[Delivery]) -> list[Answer]:
        one = self._running[key]
        return await self._ingest(one.view.origin, [bound.compiled for bound in one.bound], deliveries)

    async def _stop(self, keys: Sequence[_Key], drain: timedelta) -> None:
        going = {key: self._running[key] for key in keys}
        for one in going.values():
            one.stopping.set()
        if not going:
            return
        _, late = await asyncio.wait([one.task for one in going.values()], timeout=drain.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        if late:
            log.warning("source.drain_timeout", sources=len(late))
        for key in going:
            del self._running[key]
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._sign(list(going.values()))
        except Exception as error:
            log.warning("worker.duty_failed", duty="sources", error=repr(error))

    async def _sign(self, running: Sequence[_Running]) -> None:
        signs = [(one.view, one.view.sign()) for one in running]
        if signs:
            async with self._pool.acquire() as connection:
                await sources.signs(connection, self._worker, [sign for _, sign in signs])
            for view, sign in signs:
                view.told(sign)

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S), self._pool.acquire() as connection:
                await sources.leave(connection, self._worker)
        except Exception as error:
            log.warning("worker.leave_failed", worker=self._worker, error=repr(error))


def _rhythm_of(spec: Source, rhythm: Rhythm) -> Rhythm:
    """*rhythm*, but a broker that waits for acknowledgements for a short time is told often that work goes on."""
    if isinstance(spec, NatsSource):
        return replace(rhythm, keep_every=min(rhythm.keep_every, timedelta(seconds=spec.ack_wait / 3)))
    return rhythm


def _wanted(bound: Sequence[Bound]) -> _Wanted:
    """`clarion check` finds bindings that contradict each other; here it is what was published before it did so.

    To open the source as the first of them says would let the messages that the others mean pass by.
    """
    specs = {one.key: source for one in bound if (source := one.compiled.binding.source) is not None}
    (first, spec), *others = specs.items()
    for key, other in others:
        if names := differences(spec, other):
            said = f"the bindings `{first}` and `{key}` say different things of it ({', '.join(names)})"
            return _Wanted(spec=spec, fault=f"{said}: make them say the same, and publish them again")
    return _Wanted(spec=merged(list(specs.values())))
