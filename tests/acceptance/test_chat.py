"""Chat messages, whole: over HTTP in, to each chat through an account of its kind, and none where the room is gone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.chats import TELEGRAM_TOKEN
from tests.support.house import House, open_house
from tests.support.wait import wait_until

from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.telegram import TelegramFake

WORKFLOW = "expires_after: 1h\nattempts: 3\nbackoff: {waits: [50ms]}\nsteps: [{channel: chat}]\n"
WORDS = """---
title: Order {{ payload.orderId }}
url: https://shop.example/orders/{{ payload.orderId }}
---
It is ready, {{ recipient.name }}.
"""
GROUP = "-1001234567890"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose only workflow writes to chats."""
    for name, text in {
        "clarion.toml": "",
        "workflows/ready.yaml": WORKFLOW,
        "templates/ready/chat.txt": WORDS,
    }.items():
        file = tmp_path / "project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "project"


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramFake]:
    async with TelegramFake(token=TELEGRAM_TOKEN) as fake:
        yield fake


def settings(fake: TelegramFake, **more: str) -> dict[str, str]:
    account = {"kind": "telegram", "token": TELEGRAM_TOKEN, "base_url": fake.url, **more}
    return {"CLARION_PROVIDERS": json.dumps({"bot": account})}


async def _chat(house: House, who: str, chat: str, **given: str) -> None:
    await house.put(f"/v1/recipients/{who}", {"name": "Ann"})
    await house.put(f"/v1/recipients/{who}/chats/{chat}", {"provider": "telegram", **given})


async def _messages(house: House, trigger: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await house.get(f"/v1/messages?trigger={trigger}&limit=100"))["items"]
    return items


async def test_each_chat_has_it_once_and_the_room_of_an_account_is_a_recipient_too(
    database: str, project: Path, telegram: TelegramFake
) -> None:
    async with open_house(database, project=project, env=settings(telegram, chat=GROUP)) as house:
        await _chat(house, "ann", "home", address="1")
        await _chat(house, "ann", "work", address="2")
        await _chat(house, "everybody", "room")
        await house.put("/v1/recipients/mute", {"name": "Mute"})
        await house.put("/v1/topics/orders", {"name": "Orders"})
        await house.post("/v1/topics/orders/members", {"ids": ["ann", "everybody", "mute"]})
        trigger = await house.trigger({"recipients": [{"topic": "orders"}]}, "ready")
        done = await house.finished(trigger)
        assert (done["by_channel"]["chat"]["sent"], done["by_channel"]["chat"]["skipped"]) == (3, 1)
        assert sorted(said.room for said in telegram.taken) == [GROUP, "1", "2"]
        assert telegram.taken[0].body["text"] == "Order 12345\nIt is ready, Ann."
        found = {(one["recipient"], one["address"]): one for one in await _messages(house, trigger)}
        assert found["mute", None]["reason"] == "no chat"
        told = await house.get(found["everybody", "room"]["href"])
        assert (told["status"], told["timeline"][1]["provider"]) == ("sent", "telegram:bot")
        assert told["provider_message_id"] in {said.id for said in telegram.taken}
        assert GROUP not in json.dumps([told, *found.values()]), "where a chat is stands with the chat alone"
        await house.check()


async def test_bad_days_end_and_a_busy_group_costs_no_attempt(
    database: str, project: Path, telegram: TelegramFake
) -> None:
    busy = '{"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 1}}'
    kinds = [Fault(how=How.ANSWER, status=503), Fault(how=How.RESET), Fault(how=How.ANSWER, status=500)]
    async with open_house(database, project=project, env=settings(telegram)) as house:
        for number in range(1, 11):
            await _chat(house, f"p{number}", "home", address=str(number))
        telegram.faults.add(*kinds * 2, Fault(how=How.ANSWER, status=429, headers={"retry-after": "1"}))
        trigger = await house.trigger({"recipients": [f"p{number}" for number in range(1, 11)]}, "ready")
        assert (await house.finished(trigger))["by_channel"]["chat"]["sent"] == 10
        assert Counter(said.room for said in telegram.taken) == {str(number): 1 for number in range(1, 11)}
        known = {one["provider_message_id"] for one in await _messages(house, trigger)}
        assert known == {said.id for said in telegram.taken}
        await _chat(house, "room", "room", address=GROUP)
        telegram.faults.add(*[Fault(how=How.ANSWER, status=429, body=busy)] * 4)  # more than there are attempts
        trigger = await house.trigger({"recipients": ["room"]}, "ready")
        assert (await house.finished(trigger, timeout_s=60))["by_channel"]["chat"]["sent"] == 1
        await house.check()


async def test_a_room_that_is_gone_is_disabled_and_not_used_again(
    database: str, project: Path, telegram: TelegramFake
) -> None:
    async with open_house(database, project=project, env=settings(telegram)) as house:
        await _chat(house, "ann", "home", address="1")
        await _chat(house, "ann", "work", address="2")
        telegram.rooms["blocked"].add("1")
        trigger = await house.trigger({"recipients": ["ann"]}, "ready")
        done = await house.finished(trigger)
        assert (done["by_channel"]["chat"]["sent"], done["by_channel"]["chat"]["failed"]) == (1, 1)
        failed = next(one for one in await _messages(house, trigger) if one["status"] == "failed")
        assert failed["reason"] == "invalid_recipient: HTTP 403: Forbidden: bot was blocked by the user"
        gone = await house.get("/v1/recipients/ann/chats/home")
        assert (gone["disabled_at"] is not None, "blocked by the user" in gone["disabled_reason"]) == (True, True)
        asked = telegram.asked
        again = await house.finished(await house.trigger({"recipients": ["ann"]}, "ready"))
        assert (again["by_channel"]["chat"]["sent"], telegram.asked) == (1, asked + 1)
        await house.post(f"/v1/messages/{failed['id']}/retry", status=202)

        async def skipped() -> bool:
            return bool((await house.get(failed["href"]))["status"] == "skipped")

        await wait_until(skipped, 30, "the end of the retry")
        telegram.rooms["blocked"].clear()
        await _chat(house, "ann", "home", address="1")
        back = await house.finished(await house.trigger({"recipients": ["ann"]}, "ready"))
        assert back["by_channel"]["chat"]["sent"] == 2
        await house.check()


async def test_a_chat_that_no_account_reaches_waits_and_holds_up_no_other(
    database: str, project: Path, telegram: TelegramFake
) -> None:
    async with open_house(database, project=project, env=settings(telegram)) as house:
        await _chat(house, "ann", "home", address="1")
        await house.api.pool.execute(
            "INSERT INTO chat (tenant_id, recipient_id, id, provider, address) "
            "SELECT tenant_id, id, 'other', 'pigeon', 'loft' FROM recipient WHERE id = 'ann'"
        )
        trigger = await house.trigger({"recipients": ["ann"]}, "ready")

        async def waits() -> bool:
            found = {one["address"]: one["status"] for one in await _messages(house, trigger)}
            job = await house.api.pool.fetchval("SELECT error FROM job WHERE queue = 'chat'")
            return found.get("home") == "sent" and "for chats of pigeon" in (job or "")

        await wait_until(waits, 30, "the one is sent, and the other says for what it waits")
        await house.post(f"/v1/triggers/{trigger}/cancel", status=202)
        await house.finished(trigger)
        await house.check()
