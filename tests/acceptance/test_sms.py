"""Text messages, whole: over HTTP in, by a provider out, each bad day of it survived, and nothing paid for twice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.house import House, open_house
from tests.support.providers import ACCOUNT_SID, AUTH_TOKEN
from tests.support.wait import wait_until

from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.twilio import TwilioFake

WORKFLOW = "expires_after: 1h\nbackoff: {waits: [50ms]}\nsteps: [{channel: sms}]\n"
WORDS = "Dear {{ recipient.name }}, order {{ payload.orderId }} is ready. We wrote to {{ recipient.phone }}."
NUMBERS = [f"+1555867{number:04}" for number in range(5310, 5340)]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose only workflow sends text messages."""
    for name, text in {
        "clarion.toml": "",
        "workflows/ready.yaml": WORKFLOW,
        "templates/ready/sms.txt": WORDS,
    }.items():
        file = tmp_path / "project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "project"


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioFake]:
    async with TwilioFake(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN) as fake:
        yield fake


def settings(fake: TwilioFake) -> dict[str, str]:
    """An account at *fake*."""
    account = {"kind": "twilio", "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from": "+15017122661"}
    return {"CLARION_PROVIDERS": json.dumps({"main": account | {"base_url": fake.url}})}


async def _trigger(house: House, numbers: list[str]) -> str:
    people = [{"id": f"p{number[-4:]}", "name": "Ann", "phone": number} for number in numbers]
    return await house.trigger({"recipients": people}, "ready")


async def test_a_text_message_goes_out_and_who_has_no_number_is_skipped(
    database: str, project: Path, twilio: TwilioFake
) -> None:
    async with open_house(database, project=project, env=settings(twilio)) as house:
        people = [{"id": "ann", "name": "Ann", "phone": "+1 555 867-5310"}, {"id": "mute", "name": "Mute"}]
        trigger = await house.trigger({"recipients": people}, "ready")
        done = await house.finished(trigger)
        assert (done["by_channel"]["sms"]["sent"], done["by_channel"]["sms"]["skipped"]) == (1, 1)
        (taken,) = twilio.taken
        assert (taken.to, taken.sender) == ("+15558675310", "+15017122661")
        assert taken.body == "Dear Ann, order 12345 is ready. We wrote to +15558675310."
        messages = await house.messages(trigger)
        assert messages["ann", "sms"]["status"] == "sent"
        told = await house.get(messages["ann", "sms"]["href"])
        assert (told["provider_message_id"], told["timeline"][1]["provider"]) == (taken.sid, "twilio:main")
        assert messages["mute", "sms"]["reason"] == "no address for sms"
        await house.check()


async def test_what_was_certainly_not_taken_is_sent_again_and_a_limit_spends_no_attempt(
    database: str, project: Path, twilio: TwilioFake
) -> None:
    twilio.faults.add(
        Fault(how=How.ANSWER, status=503),
        Fault(how=How.ANSWER, status=429, headers={"retry-after": "1"}),
        Fault(how=How.RESET),
    )
    async with open_house(database, project=project, env=settings(twilio)) as house:
        done = await house.finished(await _trigger(house, NUMBERS))
        ends = done["by_channel"]["sms"]
        assert ends["sent"] + ends["unknown"] == len(NUMBERS)
        assert ends["unknown"] <= 1  # a request that was reset may have been taken, for all that anybody knows
        assert sorted(message.to for message in twilio.taken) == sorted({message.to for message in twilio.taken}), (
            "nobody is written to twice"
        )
        await house.check()


async def test_who_answered_stop_is_not_written_to_again(database: str, project: Path, twilio: TwilioFake) -> None:
    stopped = "+15005550004"
    async with open_house(database, project=project, env=settings(twilio)) as house:
        assert (await house.finished(await _trigger(house, [stopped])))["by_channel"]["sms"]["failed"] == 1
        (one,) = (await house.get("/v1/suppressions?reason=unsubscribe"))["items"]
        assert (one["address"], one["channel"], one["category"]) == (stopped, "sms", None)

        async def skipped() -> bool:
            done = await house.finished(await _trigger(house, [stopped]))
            return bool(done["by_channel"]["sms"]["skipped"])

        await wait_until(skipped, 20, "the suppression holds")
        await house.check()


async def test_when_nobody_can_know_a_person_decides(database: str, project: Path, twilio: TwilioFake) -> None:
    twilio.faults.add(Fault(how=How.RESET, taken=True))
    async with open_house(database, project=project, env=settings(twilio)) as house:
        trigger = await _trigger(house, NUMBERS[:1])
        done = await house.finished(trigger)
        assert done["by_channel"]["sms"]["unknown"] == 1
        assert len(twilio.taken) == 1, "it is not paid for twice"
        (message,) = (await house.messages(trigger)).values()
        await house.post(f"/v1/messages/{message['id']}/retry", status=202)

        async def sent() -> bool:
            return bool((await house.get(message["href"]))["status"] == "sent")

        await wait_until(sent, 30, "the second try")
        assert (await house.get(message["href"]))["possible_duplicate"] is True
        await house.check()


async def test_without_a_provider_messages_wait_and_say_for_what(database: str, project: Path) -> None:
    async with open_house(database, project=project) as house:
        trigger = await _trigger(house, NUMBERS[:1])
        said: dict[str, object] = {}

        async def waits() -> bool:
            for message in (await house.messages(trigger)).values():
                said.update(message)
            return "no provider is configured for sms" in str(said.get("reason"))

        await wait_until(waits, 30, "the reason")
        assert said["status"] == "queued"
        await house.check()
