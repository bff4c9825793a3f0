"""What triggers share is kept while it is used, however many others come in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

import pytest
from tests.support.steps import Steps, open_steps

from clarion.domain.recipient import Recipient
from clarion.domain.step import Channel, ChannelStep
from clarion.domain.workflow import Workflow
from clarion.flows.contexts import Contexts
from clarion.flows.published import Published
from clarion.store import triggers, workflows
from clarion.store.database import Connection
from clarion.templates.source import Bundle

MAIL = ChannelStep(key="email", channel=Channel.EMAIL, template="email")
ANA = Recipient(id="ana", email="ana@example.com")


@pytest.fixture
async def steps(database: str) -> AsyncIterator[Steps]:
    async with open_steps(database) as steps:
        yield steps


async def test_contexts_are_found_although_others_push_them_out_meanwhile(steps: Steps) -> None:
    await steps.publish(MAIL)
    known, asked, other = [await steps.trigger([ANA]) for _ in range(3)]
    published = Published(default_locale="en")
    contexts = Contexts(published, keep=1)
    async with steps.pool.acquire() as connection:
        await contexts.get(connection, [known])
        (row,) = (await triggers.load(connection, [other])).values()
        (version,) = (await published.get(connection, [row["workflow_version_id"]])).values()
        asking = asyncio.create_task(contexts.get(connection, [known, asked]))
        await asyncio.sleep(0)  # it waits for the database now
        contexts.keep([(row, version)])
        assert (await asking).keys() == {known, asked}


async def test_versions_are_found_although_others_push_them_out_meanwhile(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = Published(default_locale="en", keep=1)
    load = workflows.versions
    async with steps.pool.acquire() as connection, steps.pool.acquire() as another:
        for number in range(3):
            definition, bundle = Workflow(key="w", steps=(MAIL,)).to_json(), Bundle().to_json()
            await workflows.publish(
                connection, steps.tenant_id, "w", hash=f"{number}", definition=definition, bundle=bundle
            )
        known, asked, other = [row["id"] for row in await connection.fetch("SELECT id FROM workflow_version")]

        async def slowly(connection: Connection, ids: Iterable[UUID]) -> Any:
            rows = await load(connection, ids)
            if asked in ids:
                await published.get(another, [other])
            return rows

        await published.get(connection, [known])
        monkeypatch.setattr(workflows, "versions", slowly)
        assert (await published.get(connection, [known, asked])).keys() == {known, asked}
