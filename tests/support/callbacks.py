"""A provider of tests that tells what became of messages, and messages that it took."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.support.api import Api, open_api
from tests.support.http import Connection, Reply, request

from clarion import clock, ids
from clarion.channels.base import Callback, Callbacks, Report
from clarion.domain.feedback import Feedback
from clarion.domain.status import Status
from clarion.errors import Forged
from clarion.flows.callback import KIND, QUEUE
from clarion.flows.early_callbacks import EarlyCallbacks
from clarion.flows.slots import Slots
from clarion.flows.verify import verify
from clarion.ids import Prefix
from clarion.queue import add
from clarion.queue.claim import Claimer
from clarion.queue.job import Job, NewJob
from clarion.store import messages
from clarion.store.messages import News

URL = "https://notify.example/behind"
PATH = "/v1/callbacks/test/main"
MAIN = "test:main"
SECRET = b"the secret of main"
OTHER = b"the secret of other"
_WINDOW_S = 300
#: The queue of what is sent here: one that no worker takes.
_LETTERS = "letters"


class Signed(Callbacks):
    """Believes an HMAC over time, address and body; the body is JSON with a list of reports."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def read(self, callback: Callback, now: datetime) -> Sequence[Report]:
        stamp, _, given = callback.headers.get("x-signature", "").partition(",")
        expected = _proof(self._secret, stamp, callback.url, callback.body)
        if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            raise Forged("the signature is missing or does not match")
        if abs(now.timestamp() - int(stamp)) > _WINDOW_S:
            raise Forged("it was signed too long ago")
        return [
            Report(
                message_id=UUID(hex=said["message"]),
                provider_id=said["id"],
                status=Status(said["status"]),
                reason=said.get("reason"),
                feedback=Feedback(said["feedback"]) if "feedback" in said else None,
                key=said.get("key") or f"{said['id']}:{said['status']}",
            )
            for said in json.loads(callback.body)
        ]


def _proof(secret: bytes, stamp: str, url: str, body: bytes) -> str:
    return hmac.new(secret, f"{stamp}.{url}.".encode() + body, "sha256").hexdigest()


def signature(body: bytes, *, secret: bytes = SECRET, url: str = URL + PATH, age_s: float = 0) -> dict[str, str]:
    """The header that makes *body* genuine."""
    stamp = str(int(clock.now().timestamp() - age_s))
    return {"x-signature": f"{stamp},{_proof(secret, stamp, url, body)}"}


def report(id: UUID, status: str = "delivered", **more: str) -> dict[str, str]:
    """What the provider says of a message that it took under `taken_as`."""
    return {"message": id.hex, "id": taken_as(id), "status": status, **more}


def taken_as(id: UUID) -> str:
    """The provider's own id of a message."""
    return f"SM{id.hex}"


def ends_as(told: Sequence[Status]) -> Status:
    """Where a sent message is after these, said without the table of moves."""
    news = [one for one in told if one is not Status.SENT]
    if not news:
        return Status.SENT
    if news[0] is Status.FAILED:
        return Status.FAILED
    return Status.BOUNCED if Status.BOUNCED in news else Status.DELIVERED


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An API that two accounts of one provider call, and the messages of one tenant."""

    api: Api

    @property
    def tenant(self) -> UUID:
        return self.api.tenants["one"]

    async def sending(self, count: int = 1, *, provider: str = MAIN) -> list[Job]:
        """Messages of one trigger that are being handed to *provider*: their jobs."""
        trigger = ids.new()
        made = ids.new_many(count)
        async with self.api.pool.acquire() as connection:
            async with connection.transaction():
                await connection.execute(_TRIGGER, trigger, self.tenant, count)
                await connection.execute(_RUNS, made, self.tenant, trigger)
                await connection.execute(_MESSAGES, made, self.tenant, trigger)
                await connection.execute(_COUNT, trigger, self.tenant, count)
                new = [NewJob(id=id, queue=_LETTERS, kind="deliver", tenant_id=self.tenant) for id in made]
                await add.add_many(connection, new)
            jobs = sorted(await self.claim(_LETTERS, count), key=lambda job: job.id)
            intended = await messages.intend(
                connection,
                {job.id: job.fence for job in jobs},
                triggers=[trigger],
                provider=provider,
                worker="w",
                slot=1,
                margin=timedelta(0),
            )
            assert len(intended.numbers) == count
        return jobs

    async def sent(self, count: int = 1, *, provider: str = MAIN) -> list[UUID]:
        """Messages that *provider* took."""
        jobs = await self.sending(count, provider=provider)
        await self.record(jobs)
        return [job.id for job in jobs]

    async def one(self, *, provider: str = MAIN) -> UUID:
        (id,) = await self.sent(provider=provider)
        return id

    async def record(self, jobs: Sequence[Job], connection: Any = None, **news: Any) -> None:
        """Write down that the provider took them, or *news*."""
        all_news = [
            News(
                **{
                    **{"id": job.id, "expected": Status.SENDING, "number": 1, "status": Status.SENT},
                    **{"provider_id": taken_as(job.id), "attempt": "accepted"},
                    **news,
                }
            )
            for job in jobs
        ]
        leaving = {job.id: job.fence for job in jobs}
        if connection is not None:
            await messages.record(connection, all_news, leaving=leaving, slot=1)
            return
        async with self.api.pool.acquire() as own:
            moved, _ = await messages.record(own, all_news, leaving=leaving, slot=1)
        assert len(moved) == len(jobs)

    async def claim(self, queue: str, most: int = 1_000) -> list[Job]:
        async with self.api.pool.acquire() as connection:
            return await Claimer(queue, worker="w", lease=timedelta(seconds=60)).claim(connection, most)

    async def tell(
        self,
        *said: Mapping[str, str],
        secret: bytes = SECRET,
        path: str = PATH,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """A genuine callback."""
        body = json.dumps(said).encode()
        return await self.post(
            body, path=path, headers={**signature(body, secret=secret, url=URL + path), **(headers or {})}
        )

    async def post(self, body: bytes, *, path: str = PATH, headers: Mapping[str, str]) -> Reply:
        """These octets."""
        async with await Connection.open(self.api.port) as connection:
            await connection.say(request("POST", path, body=body, headers={"content-type": "text/x-odd", **headers}))
            return await connection.hear()

    async def status(self, id: UUID) -> str:
        found: str = await self.api.pool.fetchval("SELECT status FROM message WHERE id = $1", id)
        return found

    async def statuses(self) -> dict[str, int]:
        rows = await self.api.pool.fetch("SELECT status, count(*) AS n FROM message GROUP BY status")
        return {row["status"]: row["n"] for row in rows}

    async def timeline(self, id: UUID) -> list[tuple[str, str | None]]:
        """What was noted of a message: kinds with their details."""
        shown = (await self.api.call("GET", f"/v1/messages/{ids.show(Prefix.MESSAGE, id)}")).json
        return [(one["kind"], one["detail"]) for one in shown["timeline"] if one["kind"] not in ("created", "attempt")]

    async def counts(self, id: UUID) -> dict[str, int]:
        """What the API says of the trigger of a message."""
        trigger = await self.api.pool.fetchval("SELECT trigger_id FROM message WHERE id = $1", id)
        shown = (await self.api.call("GET", f"/v1/triggers/{ids.show(Prefix.TRIGGER, trigger)}")).json
        return {status: n for status, n in shown["by_channel"]["email"].items() if n}

    async def outcomes(self, integration: str = MAIN) -> dict[str, int]:
        """What this process counted."""
        text = (await self.api.call("GET", "/metrics")).body.decode()
        found = {}
        for line in text.splitlines():
            head = f'clarion_callbacks_total{{integration="{integration}",outcome="'
            if line.startswith(head):
                name, _, value = line.removeprefix(head).partition('"} ')
                found[name] = int(float(value))
        return found

    async def waiting(self) -> int:
        """How many reports wait as jobs."""
        count: int = await self.api.pool.fetchval(
            "SELECT count(*) FROM job WHERE queue = $1 AND kind = $2", QUEUE, KIND
        )
        return count

    async def look_again(self, **more: Any) -> None:
        """What a worker does with the reports that were early, once they are due."""
        await self.api.pool.execute("UPDATE job SET run_at = now() WHERE queue = $1 AND state = 0", QUEUE)
        if jobs := await self.claim(QUEUE):
            await EarlyCallbacks(self.api.pool, slots=Slots(), **more)(jobs)

    async def check(self) -> None:
        """All promises hold."""
        async with self.api.pool.acquire() as connection:
            assert await verify(connection) == []


@asynccontextmanager
async def open_scene(url: str, **settings: Any) -> AsyncIterator[Scene]:
    """A scene on the database at *url*."""
    integrations = {("test", "main"): Signed(SECRET), ("test", "other"): Signed(OTHER)}
    async with open_api(url, integrations=integrations, public_url=URL, **settings) as api:
        yield Scene(api=api)


_TRIGGER = """
    INSERT INTO trigger (id, tenant_id, workflow_key, workflow_version_id, status, priority, recipient_ids, topic_keys,
                         payload, metadata, expires_at, total, expanded)
    VALUES ($1, $2, 'w', $1, 'running', 2, '{}', '{}', '{}', '{}', now() + interval '1 day', $3, $3)
"""
_RUNS = """
    INSERT INTO run (id, tenant_id, trigger_id, workflow_version_id, recipient_id, step, status)
    SELECT id, $2, $3, $3, id::text, 1, 'completed' FROM unnest($1::uuid[]) AS id
"""
_MESSAGES = """
    INSERT INTO message (id, tenant_id, trigger_id, run_id, expires_at, step, channel, status, workflow_key,
                         recipient_id)
    SELECT id, $2, $3, id, now() + interval '1 day', 0, 'email', 'queued', 'w', id::text FROM unnest($1::uuid[]) AS id
"""
_COUNT = """
    INSERT INTO trigger_count (trigger_id, channel, slot, tenant_id, queued) VALUES ($1, 'email', 0, $2, $3)
"""
