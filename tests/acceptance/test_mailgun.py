"""Mail through a provider, whole: over HTTP in, by Mailgun out, its bad days survived, what it tells later believed."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.house import House, open_house
from tests.support.providers import MAIL_DOMAIN, MAIL_KEY, SIGNING_KEY
from tests.support.wait import wait_until

from clarion.channels.email.mailgun_callbacks import MailgunCallbacks
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.mailgun import MailgunFake

# As it is for text messages: nothing twice, where nobody can know.
WORKFLOW = "expires_after: 1h\nbackoff: {waits: [50ms]}\non_uncertain: hold\nsteps: [{channel: email}]\n"
WORDS = (
    "---\nsubject: Order {{ payload.orderId }}\n---\nDear {{ recipient.name }}, order {{ payload.orderId }} is ready."
)
ADDRESSES = [f"guest{number}@example.com" for number in range(30)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose only workflow sends mail."""
    for name, text in {
        "clarion.toml": '[email]\nfrom = "Shop <shop@shop.example>"\n',
        "workflows/ready.yaml": WORKFLOW,
        "templates/ready/email.txt": WORDS,
    }.items():
        file = tmp_path / "project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "project"


@pytest.fixture
async def mailgun() -> AsyncIterator[MailgunFake]:
    async with MailgunFake(domain=MAIL_DOMAIN, api_key=MAIL_KEY, signing_key=SIGNING_KEY) as fake:
        yield fake


def settings(fake: MailgunFake) -> dict[str, str]:
    """An account at *fake*, which carries mail although there is an SMTP server."""
    account = {"kind": "mailgun", "domain": MAIL_DOMAIN, "api_key": MAIL_KEY, "signing_key": SIGNING_KEY}
    accounts = {"main": account | {"base_url": fake.url}}
    return {"CLARION_PROVIDERS": json.dumps(accounts), "CLARION_EMAIL_PROVIDER": "main"}


async def _trigger(house: House, addresses: list[str]) -> str:
    people = [{"id": address.partition("@")[0], "name": "Ann", "email": address} for address in addresses]
    return await house.trigger({"recipients": people}, "ready")


def _listen(house: House, fake: MailgunFake) -> None:
    """Let the fake tell the API what becomes of mails."""
    integrations: Any = house.api.services.integrations
    integrations["mailgun", "main"] = MailgunCallbacks(SIGNING_KEY)
    hook = f"http://127.0.0.1:{house.api.port}/v1/callbacks/mailgun/main"
    fake.webhooks = {name: [hook] for name in ("accepted", "delivered", "permanent_fail", "complained")}


async def test_a_mail_goes_out_through_the_provider(database: str, project: Path, mailgun: MailgunFake) -> None:
    async with open_house(database, project=project, env=settings(mailgun)) as house:
        people = [{"id": "ann", "name": "Ann", "email": "ann@example.com"}, {"id": "mute", "name": "Mute"}]
        trigger = await house.trigger({"recipients": people}, "ready")
        done = await house.finished(trigger)
        assert (done["by_channel"]["email"]["sent"], done["by_channel"]["email"]["skipped"]) == (1, 1)
        (taken,) = mailgun.taken
        assert (taken.to, taken.sender, taken.subject) == ("ann@example.com", "Shop <shop@shop.example>", "Order 12345")
        assert "Dear Ann, order 12345 is ready." in taken.message
        told = await house.get((await house.messages(trigger))["ann", "email"]["href"])
        assert told["provider_message_id"] == taken.id.strip("<>")
        assert told["timeline"][1]["provider"] == "mailgun:main"
        assert house.smtp.message_ids() == []
        await house.check()


async def test_what_was_certainly_not_taken_is_sent_again_and_nobody_is_written_to_twice(
    database: str, project: Path, mailgun: MailgunFake
) -> None:
    mailgun.faults.add(
        Fault(how=How.ANSWER, status=503),
        Fault(how=How.ANSWER, status=429, headers={"retry-after": "1"}),
        Fault(how=How.RESET, taken=True),
    )
    async with open_house(database, project=project, env=settings(mailgun)) as house:
        done = await house.finished(await _trigger(house, ADDRESSES))
        ends = done["by_channel"]["email"]
        assert (ends["sent"], ends["unknown"]) == (len(ADDRESSES) - 1, 1), "of one nobody knows whether it was taken"
        assert sorted(message.to for message in mailgun.taken) == sorted(ADDRESSES), "nobody is written to twice"
        await house.check()


async def test_what_the_provider_tells_moves_messages(database: str, project: Path, mailgun: MailgunFake) -> None:
    async with open_house(database, project=project, env=settings(mailgun)) as house:
        _listen(house, mailgun)
        trigger = await _trigger(house, ADDRESSES[:2])
        await house.finished(trigger)
        ids = {message.to: message.id for message in mailgun.taken}
        first, second = (ids[address] for address in ADDRESSES[:2])

        async def statuses() -> list[str]:
            messages = await house.messages(trigger)
            return [messages[f"guest{n}", "email"]["status"] for n in range(2)]

        for kind, expected in (("delivered", ["delivered", "sent"]), ("complained", ["delivered", "sent"])):
            assert await mailgun.report(first, kind) == [200]
            assert await statuses() == expected
        assert await mailgun.report(second, "delivered") == [200]
        # It came back after all: a late bounce corrects what was told before; nothing goes back from there.
        assert await mailgun.report(second, "failed") == [200]
        assert await mailgun.report(second, "delivered") == [200]
        assert await statuses() == ["delivered", "bounced"]
        bounced = (await house.messages(trigger))["guest1", "email"]
        assert bounced["reason"] == "bounce, 550: 5.1.1 The email account does not exist."
        mailgun.taken[0].id = "<20221019211537.93011d31ea99c5a8@elsewhere.example>"
        assert await mailgun.report(mailgun.taken[0].id, "failed") == [200], "of another account's mail: no effect"
        assert await statuses() == ["delivered", "bounced"]
        await house.check()


async def test_who_bounced_is_not_written_to_again(database: str, project: Path, mailgun: MailgunFake) -> None:
    async with open_house(database, project=project, env=settings(mailgun)) as house:
        _listen(house, mailgun)
        await house.finished(await _trigger(house, ADDRESSES[:2]))
        first = next(message for message in mailgun.taken if message.to == ADDRESSES[0])
        assert await mailgun.report(first.id, "failed") == [200]
        again = await _trigger(house, ADDRESSES[:2])
        counts = (await house.finished(again))["by_channel"]["email"]
        assert (counts["sent"], counts["skipped"]) == (1, 1)
        skipped = (await house.messages(again))["guest0", "email"]
        assert (skipped["status"], "suppress" in skipped["reason"]) == ("skipped", True)
        assert [message.to for message in mailgun.taken].count(ADDRESSES[0]) == 1
        await house.check()


async def test_who_is_not_mailgun_moves_nothing(database: str, project: Path, mailgun: MailgunFake) -> None:
    async with open_house(database, project=project, env=settings(mailgun)) as house:
        _listen(house, mailgun)
        trigger = await _trigger(house, ADDRESSES[:1])
        await house.finished(trigger)
        mailgun._signing_key = "f" * 32
        assert await mailgun.report(mailgun.taken[0].id, "failed") == [403]
        assert (await house.messages(trigger))["guest0", "email"]["status"] == "sent"


async def test_when_the_answer_is_lost_the_provider_settles_it(
    database: str, project: Path, mailgun: MailgunFake
) -> None:
    mailgun.faults.add(Fault(how=How.RESET, taken=True))
    async with open_house(database, project=project, env=settings(mailgun)) as house:
        _listen(house, mailgun)
        trigger = await _trigger(house, ADDRESSES[:1])
        done = await house.finished(trigger)
        assert done["by_channel"]["email"]["unknown"] == 1
        assert await mailgun.report(mailgun.taken[0].id, "accepted") == [200]
        (message,) = (await house.messages(trigger)).values()
        assert message["status"] == "sent"
        assert len(mailgun.taken) == 1
        await house.check()


async def test_without_any_way_out_a_worker_starts_and_mails_wait_and_say_for_what(
    database: str, project: Path
) -> None:
    async with open_house(database, project=project, without_smtp=True) as house:
        trigger = await _trigger(house, ADDRESSES[:1])
        said: dict[str, object] = {}

        async def waits() -> bool:
            for message in (await house.messages(trigger)).values():
                said.update(message)
            return "no provider is configured for email" in str(said.get("reason"))

        await wait_until(waits, 30, "the reason")
        assert said["status"] == "queued"
        assert "CLARION_SMTP_URL" in str(said["reason"])
        await house.check()
