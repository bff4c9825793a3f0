"""Text messages as rows: whom they go to, in which queue they wait, and what may never happen to one twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from tests.support.steps import Steps, open_steps

from clarion.domain.content import SmsContent
from clarion.domain.recipient import Recipient
from clarion.domain.step import Channel, ChannelStep, DelayStep
from clarion.domain.workflow import OnUncertain, Workflow
from clarion.flows.contexts import Contexts
from clarion.flows.published import Published
from clarion.flows.verify import verify
from clarion.store import messages, recipients, workflows
from clarion.templates.source import Bundle, Part, TemplateSource

SMS = ChannelStep(key="sms", channel=Channel.SMS, template="sms")
MAIL = ChannelStep(key="email", channel=Channel.EMAIL, template="email")
WAIT = DelayStep(key="wait", length=timedelta(hours=1))
EVA = Recipient(id="eva", phone="+31612345678")


@pytest.fixture
async def steps(database: str) -> AsyncIterator[Steps]:
    async with open_steps(database) as steps:
        yield steps


async def test_it_waits_in_its_queue_for_whoever_has_a_number(steps: Steps) -> None:
    await steps.publish(SMS)
    id = await steps.trigger([EVA, "ana"])
    assert await steps.messages(id) == [("ana", 0, "skipped", "no address for sms"), ("eva", 0, "queued", None)]
    (row,) = await steps.pool.fetch(
        "SELECT j.queue, j.kind, m.channel, m.address FROM job j JOIN message m ON m.id = j.id"
    )
    assert tuple(row) == ("sms", "deliver", "sms", "+31612345678")
    assert "sms" in steps.rung
    (counts,) = await steps.pool.fetch("SELECT channel, queued, skipped FROM trigger_count")
    assert tuple(counts) == ("sms", 1, 1)
    await steps.assert_well()


async def test_its_words_know_the_number_that_it_goes_to(steps: Steps) -> None:
    text = Part(file="templates/w/sms.txt", kind="txt", text="{{ recipient.phone }} {{ payload.code }}\n")
    words = Bundle(templates={"sms": TemplateSource(name="sms", parts=(text,))})
    async with steps.pool.acquire() as connection, connection.transaction():
        definition = Workflow(key="w", steps=(SMS,)).to_json()
        await workflows.publish(
            connection, steps.tenant_id, "w", hash="h", definition=definition, bundle=words.to_json()
        )
    id = await steps.trigger([EVA], payload={"code": "12345"})
    async with steps.pool.acquire() as connection:
        (row,) = await messages.load(connection, [await connection.fetchval("SELECT id FROM message")])
        contexts = await Contexts(Published(default_locale="en")).get(connection, [id])
    assert contexts[id].render(row) == SmsContent(text="+31612345678 12345")


async def test_behind_a_delay_it_goes_to_the_number_of_then(steps: Steps) -> None:
    await steps.publish(WAIT, SMS)
    id = await steps.trigger([EVA])
    async with steps.pool.acquire() as connection, connection.transaction():
        await recipients.merge_many(connection, steps.tenant_id, [Recipient(id="eva", phone="+31687654321")])
    assert await steps.time_comes() == 1
    assert await steps.pool.fetchval("SELECT address FROM message WHERE trigger_id = $1", id) == "+31687654321"
    await steps.assert_well()


async def test_the_next_page_waits_among_the_text_messages(database: str) -> None:
    """They leave the slowest: the next page comes when half of them are taken."""
    people = [Recipient(id=f"p{n}", email=f"p{n}@example.com", phone=f"+3161234567{n}") for n in range(4)]
    async with open_steps(database, page=2) as steps:
        await steps.publish(SMS, MAIL)
        id = await steps.trigger(people)
        assert await steps.pool.fetchval("SELECT queue FROM job WHERE id = $1", id) == "sms"


async def test_where_nobody_can_know_it_is_held_unless_the_workflow_says_otherwise(steps: Steps) -> None:
    published = Published(default_locale="en")
    async with steps.pool.acquire() as connection, connection.transaction():
        for says, holds in ((None, True), (OnUncertain.HOLD, True), (OnUncertain.RETRY, False)):
            workflow = Workflow(key="w", steps=(SMS, MAIL), on_uncertain=says)
            await workflows.publish(
                *(connection, steps.tenant_id, "w"),
                hash=f"{says}",
                definition=workflow.to_json(),
                bundle=Bundle().to_json(),
            )
            version_id = await connection.fetchval("SELECT id FROM workflow_version WHERE hash = $1", f"{says}")
            version = (await published.get(connection, [version_id]))[version_id]
            wanted = OnUncertain.HOLD if holds else OnUncertain.RETRY
            assert version.policy(Channel.SMS).on_uncertain is wanted
            assert version.policy(Channel.EMAIL).on_uncertain is (says or OnUncertain.RETRY)


@pytest.mark.parametrize(("channel", "found"), [(SMS, ["hold_is_never_repeated"]), (MAIL, [])])
async def test_one_that_was_repeated_all_the_same_is_found(
    steps: Steps, channel: ChannelStep, found: list[str]
) -> None:
    await steps.publish(channel)
    await steps.trigger([Recipient(id="eva", phone="+31612345678", email="eva@example.com")])
    async with steps.pool.acquire() as connection:
        await connection.execute(
            "WITH m AS (UPDATE message SET status = 'sent', provider_message_id = 'x', attempts = 2,"
            " possible_duplicate = true, ended_at = now() RETURNING *), j AS (DELETE FROM job),"
            " c AS (UPDATE trigger_count SET queued = 0, sent = 1)"
            " INSERT INTO attempt (message_id, number, fence, tenant_id, ended_at, status, provider, worker)"
            " SELECT id, n, 1, tenant_id, now() + interval '1 h', 'uncertain', 'p', 'w'"
            " FROM m, generate_series(1, 2) AS n"
        )
        assert [broken.rule for broken in await verify(connection)] == found
        await connection.execute("UPDATE attempt SET status = 'rejected'")
        assert "sent_has_proof" in [broken.rule for broken in await verify(connection)]
