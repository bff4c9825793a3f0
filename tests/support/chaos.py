"""Trouble of all kinds at random, for a while, around a system that is kept at work."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from asyncpg import DiskFullError
from tests.support.cluster import Cluster, people
from tests.support.crashing import POINTS
from tests.support.outage import FULL_DISK, kill_a_backend, stop_at_once, until_it_answers
from tests.support.process import Injection, NotStarted, Process

from clarion.dev.postgres import EmbeddedPostgres
from clarion.errors import Conflict
from clarion.flows.cancel import cancel
from clarion.flows.endings import PASSING

_WORKFLOWS = ("mail-retry", "mail-hold", "both", "feed", "later")
_OF_WORKERS = sorted(point for point in POINTS if not point.startswith(("accept", "repeat", "fire", "ingest")))
_OF_API = sorted(point for point in POINTS if point.startswith("accept"))
_MAIL_FAULTS = (
    "at=connect,do=reset,times=3",
    "at=greeting,do=reply,code=421,times=2",
    "at=mail,do=reset,times=3,skip=20",
    "at=rcpt,do=reply,code=451,times=10,skip=5",
    "at=dot,do=reply,code=452,times=10,skip=10",
    "at=dot,do=reset,times=3,skip=20",
    "at=accepted,do=reset,times=3,skip=20",
    "at=accepted,do=hang,times=1,skip=30",
    "at=replied,do=close,times=5,skip=10",
)
A_SESSION = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'clarion%' ORDER BY random() LIMIT 1"


class Chaos:
    """Does what *chance* says; `done` tells what that was. Given *server*, the database too comes to grief."""

    def __init__(self, cluster: Cluster, chance: random.Random, server: EmbeddedPostgres | None = None) -> None:
        self._cluster = cluster
        self._chance = chance
        self._server = server
        #: The database answers while nobody has it.
        self._database = asyncio.Lock()
        self._workers: list[Process] = []
        self._api: Process | None = None
        self.done: list[str] = []

    async def run(self, *, seconds: float) -> None:
        """Cause trouble for so long, then let everything be well again."""
        cluster = self._cluster
        if self._server is not None:
            await cluster.pool.execute(FULL_DISK)
        for _ in range(2):
            await self._start_worker()
        for workflow in _WORKFLOWS:
            await cluster.topic(workflow, people(workflow, 300))
        about = [self._keep_api(), self._trigger(), *(self._ask(client) for client in range(8))]
        load = [asyncio.create_task(one) for one in about]
        end = asyncio.get_running_loop().time() + seconds
        kinds: list[Callable[[], Awaitable[None]]] = [
            *(self._kill_worker, self._freeze_worker, self._stop_worker, self._doom_worker, self._kill_api),
            *(self._cut_connection, self._cut_connection, self._spoil_mail, self._cancel, self._cancel),
        ]
        if self._server is not None:
            kinds += [self._stop_database, self._stop_database, self._kill_backend, self._fill_disk]
        try:
            while asyncio.get_running_loop().time() < end:
                await self._chance.choice(kinds)()
                await asyncio.sleep(self._chance.uniform(0, 1.5))
        finally:
            for task in load:
                task.cancel()
            await asyncio.gather(*load, return_exceptions=True)
            for task in load:
                if not task.cancelled() and (error := task.exception()) is not None:
                    raise error
        for worker in self._workers:
            worker.resume()
        await cluster.sink()
        await self._start_worker()

    async def _start_worker(self, *injections: Injection) -> None:
        """Some hear no NOTIFY, and of some the clock is an hour off."""
        mutations = ["impatient", *self._chance.choice(((), (), ("no_notify",), ("clock_off=3600",)))]
        worker = await self._surely(lambda: self._cluster.worker(*injections, mutations=mutations))
        self._workers = [one for one in self._workers if one.alive] + [worker]

    async def _surely(self, start: Callable[[], Awaitable[Process]]) -> Process:
        """Start a process, again where its connection was cut just then: whoever supervises it would do the same."""
        while True:
            try:
                return await start()
            except NotStarted as error:
                self.done.append(str(error))

    def _one(self) -> Process | None:
        alive = [worker for worker in self._workers if worker.alive and not worker.frozen]
        return self._chance.choice(alive) if alive else None

    async def _kill_worker(self) -> None:
        if (worker := self._one()) is not None:
            self.done.append(f"kill {worker.name}")
            worker.kill()
            await worker.ended()
        await self._start_worker()

    async def _freeze_worker(self) -> None:
        if (worker := self._one()) is not None:
            seconds = self._chance.uniform(0.5, 5)
            self.done.append(f"freeze {worker.name} for {seconds:.1f} s")
            worker.freeze()
            asyncio.get_running_loop().call_later(seconds, worker.resume)

    async def _stop_worker(self) -> None:
        await self._start_worker()
        if (worker := self._one()) is not None:
            self.done.append(f"stop {worker.name}")
            assert await worker.stop_well(), f"{worker.name} did not stop well\n{self._cluster.log()}"

    async def _doom_worker(self) -> None:
        at, do = self._chance.choice(_OF_WORKERS), self._chance.choice(("kill", "kill", "freeze", "raise"))
        injection = Injection(at, do=do, nth=self._chance.randrange(1, 20))
        self.done.append(f"{injection}")
        await self._start_worker(injection)
        if do == "freeze":
            asyncio.get_running_loop().call_later(self._chance.uniform(2, 8), self._workers[-1].resume)

    async def _kill_api(self) -> None:
        if self._api is not None:
            self.done.append("kill the API")
            self._api.kill()

    async def _keep_api(self) -> None:
        """Start the API again whenever it has died; each is doomed to die by itself some day."""
        while True:
            doomed = Injection(self._chance.choice(_OF_API), nth=self._chance.randrange(20, 200))
            self._api = await self._surely(lambda doomed=doomed: self._cluster.api(doomed))  # type: ignore[misc]
            await self._api.ended(timeout=3600)

    async def _stop_database(self) -> None:
        assert self._server is not None
        self.done.append("stop the database")
        async with self._database:
            await stop_at_once(self._server)
            await asyncio.sleep(self._chance.uniform(0, 3))
            await self._server.start()
            await until_it_answers(self._cluster)

    async def _kill_backend(self) -> None:
        self.done.append("kill a backend")
        async with self._database:
            await kill_a_backend(self._cluster)
            await until_it_answers(self._cluster)

    async def _fill_disk(self) -> None:
        self.done.append("fill the disk")
        await self._cluster.pool.execute("INSERT INTO full_disk VALUES (now())")
        await asyncio.sleep(self._chance.uniform(0.5, 2))
        await self._cluster.pool.execute("DELETE FROM full_disk")

    async def _cut_connection(self) -> None:
        self.done.append("cut a connection")
        await self._cluster.pool.fetchval(f"SELECT pg_terminate_backend(pid) FROM ({A_SESSION}) AS one")

    async def _spoil_mail(self) -> None:
        faults = self._chance.sample(_MAIL_FAULTS, self._chance.randrange(3))
        self.done.append(f"mail server: {faults}")
        await self._cluster.sink(*faults)

    async def _cancel(self) -> None:
        cluster = self._cluster
        if cluster.accepted:
            one = self._chance.choice(cluster.accepted[-20:])
            try:
                async with cluster.pool.acquire() as connection:
                    await cancel(connection, cluster.tenant_id, one.id, wake=lambda _: None)
                self.done.append("cancel a trigger")
            except (Conflict, *PASSING):
                pass  # it has come to its end, or the database went away: who called would not know either

    async def _trigger(self) -> None:
        """A broadcast every second or so, asked for until it is accepted."""
        number = 0
        while True:
            number += 1
            workflow = self._chance.choice(_WORKFLOWS)
            await self._broadcast(workflow, f"broadcast {number}")
            await asyncio.sleep(self._chance.uniform(0.5, 3))

    async def _broadcast(self, workflow: str, key: str) -> None:
        while True:
            async with self._database:
                pass  # it answers
            try:
                await self._cluster.trigger(workflow, people(workflow, 300), topic=workflow, idempotency_key=key)
            except (*PASSING, DiskFullError):
                await asyncio.sleep(0.1)
            else:
                return

    async def _ask(self, client: int) -> None:
        """One client that asks until it is answered, and then asks the next."""
        number = 0
        while True:
            number += 1
            status = 0
            while status != 202:
                try:
                    status, _ = await self._cluster.post_trigger(
                        "both", [f"client{client}-{number}"], idempotency_key=f"{client} {number}"
                    )
                except OSError:
                    status = 0
                assert status in (0, 202, 409, 503), f"{status}\n{self._cluster.log()}"
                await asyncio.sleep(0.05)
