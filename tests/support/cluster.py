"""A whole Clarion of real processes for one test: API, workers and a counting SMTP sink, around one database."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.support.house import POLL
from tests.support.http import Connection, Reply, request
from tests.support.nursery import Nursery, shared
from tests.support.process import PATIENCE_S, Injection, NotStarted, Process

from clarion.app import pepper
from clarion.config import load_settings
from clarion.domain.recipient import Recipient
from clarion.domain.step import Channel
from clarion.flows import apply, bootstrap, trigger
from clarion.flows.definitions import Definitions
from clarion.project.load import load_project
from clarion.store import recipients, topics
from clarion.store.database import Pool, open_pool

_OPEN = """
    SELECT (SELECT count(*) FROM trigger WHERE status IN ('accepted', 'expanding', 'running'))
         + (SELECT count(*) FROM message WHERE status IN ('queued', 'sending'))
         + (SELECT count(*) FROM job WHERE tenant_id <> '00000000-0000-0000-0000-000000000000')
"""
_WORKFLOW = """
attempts: 50
priority: {priority}
backoff: {{waits: [{wait}], factor: 1, jitter: 0.5}}
expires_after: {expires_after}
on_uncertain: {on_uncertain}
steps: [{steps}]
"""
_FILES = {
    "clarion.toml": '[email]\nfrom = "Hotel <stay@hotel.example>"\n',
    "mail": "---\nsubject: Hello {{ recipient.id }}\n---\nDear {{ recipient.name }}, {{ payload.words }}\n",
    "feed": "---\ntitle: Hello\n---\nDear {{ recipient.name }}\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Workflow:
    on_uncertain: str = "retry"
    priority: str = "normal"
    wait: str = "200ms"
    expires_after: str = "1h"
    #: Channels, and how long to wait in between.
    steps: tuple[str, ...] = ("email",)


_WORKFLOWS = {
    "mail-retry": _Workflow(priority="critical"),
    "mail-hold": _Workflow(on_uncertain="hold"),
    "mail-slow": _Workflow(wait="4s"),
    "mail-late": _Workflow(wait="30m"),
    "mail-brief": _Workflow(expires_after="30m"),
    "feed": _Workflow(steps=("in_app",)),
    "both": _Workflow(steps=("email", "in_app")),
    "later": _Workflow(steps=("in_app", "1s", "email")),
    "much-later": _Workflow(steps=("1h", "in_app")),
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A trigger that was answered with a 2xx, or whose transaction has returned."""

    id: UUID
    workflow: str
    recipients: frozenset[str]


@dataclass(kw_only=True)
class Cluster:
    """What is running, and what it was given to do."""

    url: str
    folder: Path
    nursery: Nursery
    tenant_id: UUID
    pool: Pool
    key: str
    environment: dict[str, str]
    accepted: list[Accepted] = field(default_factory=list)
    processes: list[Process] = field(default_factory=list)
    #: Of the API, once it was started.
    port: int = 0
    _sink: Process | None = None
    _numbers: int = 0
    _definitions: Definitions = field(default_factory=Definitions)

    @property
    def ledger(self) -> Path:
        """What the sink took: a line of JSON a mail, written before its 250."""
        return self.folder / "ledger"

    async def sink(self, *faults: str, pipelining: bool = True) -> Process:
        """Start the sink, or start it anew with other *faults*; its port stays the same."""
        if self._sink is not None:
            await self._sink.stop()
        command = ["--ledger", str(self.ledger)]
        command += ["--port", self.environment.get("SINK_PORT", "0")]
        for fault in faults:
            command += ["--fault", fault]
        if not pipelining:
            command.append("--no-pipelining")
        self._sink = await self._start("sink", "tests.support.smtp_server", command, {})
        self.environment["SINK_PORT"] = str(self._sink.facts["port"])
        return self._sink

    async def worker(
        self, *injections: Injection, mutations: Iterable[str] = (), ready: bool = True, **settings: str
    ) -> Process:
        """Start a worker in which *injections* go wrong; further *settings* as in ``worker_lease="1s"``."""
        return await self._clarion("worker", [], injections, mutations, settings, ready)

    async def api(self, *injections: Injection, mutations: Iterable[str] = (), **settings: str) -> Process:
        """Start an API on the cluster's port."""
        command = ["--host", "127.0.0.1", "--port", str(self.port)]
        process = await self._clarion("api", command, injections, mutations, settings, True)
        self.port = process.facts["port"]
        return process

    async def trigger(
        self,
        workflow: str,
        who: Iterable[str] = (),
        *,
        topic: str | None = None,
        after: timedelta | None = None,
        idempotency_key: str | None = None,
    ) -> UUID:
        """Trigger *workflow*, by a transaction of the test itself, so that no process is told.

        People are made as needed; of a *topic*, they must be its members.
        """
        ids = list(who)
        async with self.pool.acquire() as connection:
            made = trigger.Request(
                workflow=workflow,
                inline=[person(id) for id in ids] if topic is None else (),
                topics={topic: "/recipients/0/topic"} if topic is not None else {},
                payload={"words": "welcome"},
                send_at=await connection.fetchval("SELECT clock_timestamp()") + after if after else None,
                idempotency_key=idempotency_key,
                hash=b"h" if idempotency_key else None,
            )
            answer = await trigger.trigger(
                connection, self.tenant_id, made, wake=lambda _: None, definitions=self._definitions
            )
        self.note(answer.id, workflow, ids)
        return answer.id

    async def is_at_rest(self) -> bool:
        """Whether no trigger, message or job is open."""
        return bool(await self.pool.fetchval(_OPEN) == 0)

    async def until(self, condition: str, *arguments: object, timeout: float = PATIENCE_S) -> None:
        """Wait until the database says that the SQL *condition* is true."""
        deadline = asyncio.get_running_loop().time() + timeout
        while not await self.pool.fetchval(f"SELECT {condition}", *arguments):
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"not within {timeout:g} s: {condition}\n{self.log()}")
            await asyncio.sleep(0.02)

    async def topic(self, key: str, who: Sequence[str]) -> None:
        """A topic of these people."""
        async with self.pool.acquire() as connection, connection.transaction():
            await recipients.put_many(connection, self.tenant_id, [person(id) for id in who])
            await topics.put(connection, self.tenant_id, key, None)
            await topics.add_members(connection, self.tenant_id, key, who)

    async def post(self, path: str, body: object, *, idempotency_key: str | None = None) -> Reply:
        """One request to the API, on a connection of its own. Raises `OSError` where the API dies meanwhile."""
        headers = {"authorization": f"Bearer {self.key}"}
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key
        async with await Connection.open(self.port) as connection:
            await connection.say(request("POST", path, body=json.dumps(body).encode(), headers=headers))
            try:
                return await connection.hear()
            except (asyncio.IncompleteReadError, TimeoutError) as error:
                raise ConnectionError(f"no whole answer: {error}") from error

    async def post_trigger(
        self, workflow: str, who: Sequence[str], *, idempotency_key: str | None = None
    ) -> tuple[int, str]:
        """Trigger *workflow* over HTTP; the status and the trigger's id (or the problem's code)."""
        body = {
            "recipients": [{"id": id, "name": id.title(), "email": f"{id}@guests.example"} for id in who],
            "payload": {"words": "welcome"},
        }
        path = f"/v1/workflows/{workflow}/trigger"
        reply = await self.post(path, body, idempotency_key=idempotency_key)
        if reply.status != 202:
            return reply.status, reply.code
        shown = str(reply.json["id"])
        self.note(UUID(hex=shown.removeprefix("trg_")), workflow, who)
        return reply.status, shown

    def note(self, id: UUID, workflow: str, who: Iterable[str]) -> None:
        """Remember that a trigger was accepted, once however often that was said."""
        one = Accepted(id, workflow, frozenset(who))
        if one not in self.accepted:
            self.accepted.append(one)

    def receipts(self) -> list[dict[str, Any]]:
        """What the sink took so far: ``message_id``, ``recipient``, ``at``."""
        if not self.ledger.exists():
            return []
        return [json.loads(line) for line in self.ledger.read_text().splitlines() if line.endswith("}")]

    def log(self) -> str:
        """What all processes said."""
        return "\n".join(f"== {path.name}\n{path.read_text()}" for path in sorted(self.folder.glob("*.log")))

    async def close(self) -> None:
        """End every process, however it is."""
        for process in self.processes:
            if process.alive:
                process.kill()
                await process.ended()

    async def _clarion(
        self,
        name: str,
        command: Sequence[str],
        injections: Iterable[Injection],
        mutations: Iterable[str],
        settings: Mapping[str, str],
        ready: bool,
    ) -> Process:
        words = ["--tell", str(self.folder / f"told-{self._numbers + 1}")]
        for injection in injections:
            words += ["--at", injection.at, "--do", injection.do, "--nth", str(injection.nth)]
        for mutation in mutations:
            words += ["--mutate", mutation]
        environment = {name: value for name, value in self.environment.items() if name.startswith("CLARION_")}
        port = self.environment.get("SINK_PORT", "1")
        timeouts = "&".join(f"{phase}_timeout=2s" for phase in ("greeting", "command", "data", "reply", "connect"))
        environment["CLARION_SMTP_URL"] = f"smtp://127.0.0.1:{port}?{timeouts}"
        environment |= {f"CLARION_{key.upper()}": value for key, value in settings.items()}
        words += ["--", name, "--child", *command]
        return await self._start(name, "tests.support.crashing", words, environment, ready=ready)

    async def _start(
        self, name: str, module: str, command: Sequence[str], environment: Mapping[str, str], *, ready: bool = True
    ) -> Process:
        self._numbers += 1
        number = self._numbers
        log = self.folder / f"{number:02}-{name}.log"
        born = await self.nursery.start(module, command, {**_inherited(), **environment}, log)
        one = Process(f"{name} {number}", born, {}, self.folder / f"told-{number}")
        self.processes.append(one)
        if ready:
            async with asyncio.timeout(PATIENCE_S):
                line = await born.stdout.readline()
            if not line:
                raise NotStarted(f"{one.name} did not start: {log.read_text()}")
            one.facts = json.loads(line)
        return one


def person(id: str) -> Recipient:
    """Somebody with an address."""
    return Recipient(id=id, name=id.title(), email=f"{id}@guests.example")


def people(prefix: str, count: int) -> list[str]:
    """The ids of so many people."""
    return [f"{prefix}{number:05}" for number in range(count)]


@asynccontextmanager
async def open_cluster(
    url: str, folder: Path, *, nursery: Nursery | None = None, **settings: str
) -> AsyncIterator[Cluster]:
    """A tenant, its key and its workflows in the migrated database at *url*; processes are started by the test.

    They come from *nursery*, or from the one of all tests.

    Leases are short and batches small, so that little work takes many steps; *settings* say otherwise.
    """
    project = _write_project(folder / "project")
    environment = {
        "CLARION_DATABASE_URL": url,
        "CLARION_SECRET": secrets.token_hex(32),
        "CLARION_PROJECT": str(project),
        "CLARION_DATA_DIR": str(folder / "data"),
        "CLARION_LOG_FORMAT": "json",
        "CLARION_WORKER_LEASE": "2s",
        "CLARION_WORKER_POLL_INTERVAL": POLL,
        "CLARION_WORKER_CLAIM_SIZE": "20",
        "CLARION_WORKER_INTENT_SIZE": "5",
        "CLARION_WORKER_SENDERS": "2",
        "CLARION_WORKER_EXPAND_PAGE": "10",
        **{f"CLARION_{key.upper()}": value for key, value in settings.items()},
    }
    key = bootstrap.new_key()
    pool = await open_pool(url, size=4, statement_timeout_s=30, application_name="the test")
    try:
        async with pool.acquire() as connection:
            tenant_id = await bootstrap.ensure_tenant(connection)
            secret = pepper(load_settings(environ=environment))
            await bootstrap.ensure_key(connection, tenant_id, key, pepper=secret, name="test")
            loaded, mistakes = load_project(project)
            assert loaded is not None, mistakes
            await apply.apply(connection, tenant_id, loaded.workflows)
        cluster = Cluster(
            url=url,
            folder=folder,
            nursery=nursery or shared(),
            tenant_id=tenant_id,
            pool=pool,
            key=key,
            environment=environment,
        )
        try:
            yield cluster
        finally:
            await cluster.close()
    finally:
        pool.terminate()


def _write_project(folder: Path) -> Path:
    files = {"clarion.toml": _FILES["clarion.toml"]}
    for key, one in _WORKFLOWS.items():
        channels = [step for step in one.steps if step in list(Channel)]
        steps = (f"{{{'channel' if step in channels else 'delay'}: {step}}}" for step in one.steps)
        said = asdict(one) | {"steps": ", ".join(steps)}
        files[f"workflows/{key}.yaml"] = _WORKFLOW.format(**said)
        for step in channels:
            files[f"templates/{key}/{step}.txt"] = _FILES["mail" if step == "email" else "feed"]
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def _inherited() -> dict[str, str]:
    """What a process needs of this one's environment; none of its own settings."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "PYTHONPATH", "LANG") if name in os.environ}
