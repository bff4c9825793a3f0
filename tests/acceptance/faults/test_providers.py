"""Every kind of adapter through a hundred bad answers and two deaths of the worker: its ledger and the database agree.

Message by message, both ways: each has words or a name of its own, by which the ledger has it. A kind of provider joins
by its case. Run by ``make torture``; ``TORTURE_SEED`` repeats a round.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from asyncpg import DeadlockDetectedError
from tests.support import providers
from tests.support.apprise import AppriseCase
from tests.support.chats import CHAT_CASES
from tests.support.house import House, open_house
from tests.support.judge import judge
from tests.support.project import build
from tests.support.provider_case import Case
from tests.support.push import PUSH_CASES
from tests.support.tortured import EACH, Tortured
from tests.support.tortured_http import TorturedCase
from tests.support.tortured_smtp import TorturedBareSmtp, TorturedSmtp
from tests.support.tortured_webhook import TorturedWebhooks
from tests.support.wait import wait_until

from clarion import clock
from clarion.app import open_worker
from clarion.config import Settings, load_settings

pytestmark = pytest.mark.torture

CASES: Mapping[str, type[Case]] = {**providers.CASES, **PUSH_CASES, **CHAT_CASES, "apprise": AppriseCase}
#: By kind; the channel ``webhook`` has none, and mail by SMTP goes in two ways.
TORTURED: Mapping[str, Callable[[str, pytest.MonkeyPatch], Tortured]] = {
    **{kind: partial(TorturedCase, case=case) for kind, case in CASES.items()},
    "smtp": TorturedSmtp,
    "smtp, one command at a time": TorturedBareSmtp,
    "webhook": TorturedWebhooks,
}
_ENDED = "SELECT count(*) FROM message WHERE status NOT IN ('queued', 'sending')"
#: Nothing waits longer than a moment: not for a pause, a breaker, a domain or a webhook that is given time.
_HURRY = (
    "UPDATE rate_limit SET paused_until = now() WHERE paused_until > now()",
    "UPDATE rate_limit SET next_at = now() WHERE next_at > now() + interval '1 s'",
    "UPDATE breaker SET until = now() WHERE until > now()",
    "UPDATE destination SET until = now() WHERE until > now()",
    "UPDATE webhook SET paused_until = now() WHERE paused_until > now()",
    # Those that a worker has just now are passed over: each would wait for the other.
    """UPDATE job SET run_at = now() WHERE id = ANY (ARRAY (
        SELECT id FROM job WHERE kind = 'deliver' AND state = 0 AND run_at > now() FOR UPDATE SKIP LOCKED
    ))""",
)


@pytest.mark.parametrize("kind", sorted(TORTURED))
async def test_ledger_and_database_agree_after_bad_days(
    kind: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(os.environ.get("TORTURE_SEED", random.randrange(10**6)))
    print(f"seed {seed}")
    chance, server = random.Random(seed), TORTURED[kind](kind, monkeypatch)
    async with server.running(tmp_path):
        project = build(tmp_path / "project", server.files())
        async with open_house(database, project=project, run=False, services=server.services()) as house:
            for workflow in ("again", "held"):
                people = await server.people(house, workflow)
                for _ in range(server.triggers):
                    await house.trigger({"recipients": people}, workflow)
            spoilt = server.spoil(chance)
            began = clock.monotonic()
            settings = load_settings(
                {
                    "project": project,
                    "worker.poll_interval": "50ms",
                    "worker.lease": "3s",
                    "worker.intent_size": server.list_size,
                },
                server.env(),
            )
            for trouble in (server.away(), contextlib.nullcontext()):
                async with trouble, _worker(settings, database):
                    await asyncio.sleep(chance.uniform(0.1, 1.0))  # and it dies, wherever it is
            async with _worker(settings, database), _hurried(house):
                await wait_until(lambda: _is_at_rest(house), 240, "all messages come to an end")
            counts = await judge(house, server)
            bad = spoilt - server.left
            assert bad > EACH, "there were too few bad answers to say anything"
            counts |= {"bad answers": bad, "requests": server.asked}
            print(f"{kind}: {2 * EACH} messages, {clock.monotonic() - began:.0f} s, {counts}")


@asynccontextmanager
async def _worker(settings: Settings, url: str) -> AsyncIterator[None]:
    """A worker that is cut off in the middle of what it does when the block ends."""
    async with open_worker(settings, url) as worker:
        running = asyncio.create_task(worker.run(asyncio.Event(), timedelta(seconds=5)))
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@asynccontextmanager
async def _hurried(house: House) -> AsyncIterator[None]:
    """Nothing waits longer than a moment, for its next try neither."""

    async def hurry() -> None:
        pool = house.api.pool
        while True:
            await asyncio.sleep(0.2)
            with contextlib.suppress(DeadlockDetectedError):  # the worker has it; the next time will do
                for update in _HURRY:
                    await pool.execute(update)

    hurrying = asyncio.create_task(hurry())
    try:
        yield
    finally:
        hurrying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hurrying


async def _is_at_rest(house: House) -> bool:
    return bool(await house.api.pool.fetchval(_ENDED) == 2 * EACH)
