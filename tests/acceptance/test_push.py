"""Push messages, whole: over HTTP in, by FCM out to every device; bad days are survived, and none has it twice."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import pass_time_for_jobs
from tests.support.command import CLARION, environment
from tests.support.house import House, open_house
from tests.support.providers import device_token, google_key
from tests.support.push import SUBJECT, VAPID_KEY, expo_token, subscribed
from tests.support.wait import wait_until

from clarion.dev.fakes.expo import ExpoFake
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.fcm import FcmFake
from clarion.dev.fakes.webpush import WebPushFake
from clarion.store import devices

WORKFLOW = "expires_after: 1h\nbackoff: {waits: [50ms]}\nsteps: [{channel: push}]\n"
WORDS = """---
title: Your order {{ payload.orderId }}
url: https://shop.example/orders/{{ payload.orderId }}
collapse_key: order
ttl: 10m
data:
  orderId: "{{ payload.orderId }}"
---
It is ready, {{ recipient.name }}.
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose only workflow pushes."""
    for name, text in {
        "clarion.toml": "",
        "workflows/ready.yaml": WORKFLOW,
        "templates/ready/push.txt": WORDS,
    }.items():
        file = tmp_path / "project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "project"


@pytest.fixture
async def fcm() -> AsyncIterator[FcmFake]:
    async with FcmFake(key=google_key()) as fake:
        yield fake


def settings(fake: FcmFake) -> dict[str, str]:
    """An account at *fake*."""
    account = {"kind": "fcm", "service_account": fake.service_account, "base_url": fake.url}
    return {"CLARION_PROVIDERS": json.dumps({"phones": account})}


async def _people(house: House, count: int, each: int = 2) -> dict[str, dict[str, str]]:
    """*count* recipients with *each* devices: the tokens, by recipient and device."""
    made: dict[str, dict[str, str]] = {}
    for number in range(count):
        id = f"p{number}"
        await house.put(f"/v1/recipients/{id}", {"name": "Ann"})
        made[id] = {f"d{device}": device_token() for device in range(each)}
        for device, token in made[id].items():
            await house.put(f"/v1/recipients/{id}/devices/{device}", {"token": token, "platform": "android"})
    return made


async def _messages(house: House, trigger: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await house.get(f"/v1/messages?trigger={trigger}&limit=100"))["items"]
    return items


async def test_every_device_has_it_once_and_who_has_none_is_skipped(database: str, project: Path, fcm: FcmFake) -> None:
    async with open_house(database, project=project, env=settings(fcm)) as house:
        tokens = (await _people(house, 1))["p0"]
        await house.put("/v1/recipients/mute", {"name": "Mute"})
        trigger = await house.trigger({"recipients": ["p0", "mute"]}, "ready")
        done = await house.finished(trigger)
        assert (done["by_channel"]["push"]["sent"], done["by_channel"]["push"]["skipped"]) == (2, 1)
        assert sorted(taken.token for taken in fcm.taken) == sorted(tokens.values())
        message: Any = fcm.taken[0].message
        assert message["notification"] == {"title": "Your order 12345", "body": "It is ready, Ann."}
        assert message["data"]["url"] == "https://shop.example/orders/12345"
        assert (message["data"]["orderId"], message["android"]["ttl"]) == ("12345", "600s")
        found = {(one["recipient"], one["address"]): one for one in await _messages(house, trigger)}
        assert found["mute", None]["reason"] == "no device for push"
        told = await house.get(found["p0", "d1"]["href"])
        assert (told["status"], told["timeline"][1]["provider"]) == ("sent", "fcm:phones")
        assert told["provider_message_id"] in {taken.name for taken in fcm.taken}
        assert not [token for token in tokens.values() if token in json.dumps([told, *found.values()])]
        await house.check()


async def test_bad_days_end_and_no_device_has_it_twice(database: str, project: Path, fcm: FcmFake) -> None:
    kinds = [
        Fault(how=How.ANSWER, status=503),
        Fault(how=How.ANSWER, status=429, headers={"retry-after": "1"}),
        Fault(how=How.ANSWER, status=503, headers={"retry-after": "1"}),
        Fault(how=How.RESET),
        Fault(how=How.ANSWER, status=500),
    ]
    async with open_house(database, project=project, env=settings(fcm)) as house:
        tokens = await _people(house, 20)
        everybody = {token for theirs in tokens.values() for token in theirs.values()}
        fcm.faults.add(*(kinds * 3))
        trigger = await house.trigger({"recipients": list(tokens)}, "ready")
        done = await house.finished(trigger)
        assert done["by_channel"]["push"]["sent"] == len(everybody)
        # What was reset or answered with 500 was not taken here: so each was taken once.
        assert Counter(taken.token for taken in fcm.taken) == dict.fromkeys(everybody, 1)
        # What it took and what we know of it are the same, both ways.
        known = {
            one["provider_message_id"]: (one["recipient"], one["address"]) for one in await _messages(house, trigger)
        }
        assert {taken.name: taken.token for taken in fcm.taken} == {
            name: tokens[who][device] for name, (who, device) in known.items()
        }
        await house.check()


async def test_one_that_was_perhaps_taken_is_labelled_and_is_one_on_the_screen(
    database: str, project: Path, fcm: FcmFake
) -> None:
    fcm.faults.add(Fault(how=How.RESET, taken=True))
    async with open_house(database, project=project, env=settings(fcm)) as house:
        await _people(house, 1, each=1)
        trigger = await house.trigger({"recipients": ["p0"]}, "ready")
        await house.finished(trigger)
        (message,) = await _messages(house, trigger)
        assert (message["status"], message["possible_duplicate"]) == ("sent", True)
        first, second = (taken.message for taken in fcm.taken)
        assert first["android"] == second["android"] | {"ttl": first["android"]["ttl"]}  # type: ignore[operator,index]
        assert first["data"] == second["data"]
        await house.check()


async def test_a_worker_that_is_killed_while_it_sends_leaves_no_doubt_unsaid(
    database: str, project: Path, fcm: FcmFake
) -> None:
    env = settings(fcm)
    fcm.faults.lasting = Fault(how=How.HANG, taken=True)
    async with open_house(database, project=project, env=env, run=False) as house:
        tokens = await _people(house, 3)
        everybody = {token for theirs in tokens.values() for token in theirs.values()}
        trigger = await house.trigger({"recipients": list(tokens)}, "ready")
        given = environment(**env, CLARION_DATABASE_URL=database, CLARION_WORKER_LEASE="1s", CLARION_LOG_LEVEL="error")
        killed = await asyncio.create_subprocess_exec(*CLARION, "worker", "--project", str(project), env=given)
        await wait_until(lambda: len(fcm.taken) == len(everybody), 30, "all of them on their way")
        killed.kill()
        await killed.wait()
        fcm.faults.clear()
        stopping = asyncio.Event()
        running = asyncio.create_task(house.worker.run(stopping, timedelta(seconds=5)))
        done = await house.finished(trigger)
        stopping.set()
        await running
        assert done["by_channel"]["push"]["sent"] == len(everybody)
        again = {token for token, times in Counter(taken.token for taken in fcm.taken).items() if times > 1}
        found = await _messages(house, trigger)
        said = {tokens[one["recipient"]][one["address"]] for one in found if one["possible_duplicate"]}
        assert again <= said
        assert max(Counter(taken.token for taken in fcm.taken).values()) == 2
        tags = {(taken.token, taken.message["data"]["clarion_id"]) for taken in fcm.taken}  # type: ignore[index]
        assert len(tags) == len(everybody), "what came twice is one on the screen"
        await house.check()


async def test_a_dead_token_disables_its_device_and_is_not_used_again(
    database: str, project: Path, fcm: FcmFake
) -> None:
    async with open_house(database, project=project, env=settings(fcm)) as house:
        tokens = (await _people(house, 1))["p0"]
        fcm.dead.add(tokens["d0"])
        trigger = await house.trigger({"recipients": ["p0"]}, "ready")
        done = await house.finished(trigger)
        assert (done["by_channel"]["push"]["sent"], done["by_channel"]["push"]["failed"]) == (1, 1)
        failed = next(one for one in await _messages(house, trigger) if one["status"] == "failed")
        assert failed["reason"].startswith("unregistered: HTTP 404, UNREGISTERED")
        gone = await house.get("/v1/recipients/p0/devices/d0")
        assert gone["disabled_at"] is not None
        assert "UNREGISTERED" in gone["disabled_reason"]
        assert (await house.get("/v1/recipients/p0/devices/d1"))["disabled_at"] is None
        asked = fcm.asked
        again = await house.finished(await house.trigger({"recipients": ["p0"]}, "ready"))
        assert len(await _messages(house, again["id"])) == again["by_channel"]["push"]["sent"] == 1
        assert fcm.asked == asked + 1, "nobody asked for the dead one"
        # Retried by hand it is not sent either: the device takes nothing any more.
        await house.post(f"/v1/messages/{failed['id']}/retry", status=202)

        async def skipped() -> bool:
            return bool((await house.get(failed["href"]))["status"] == "skipped")

        await wait_until(skipped, 30, "the end of the retry")
        assert fcm.asked == asked + 1
        # With a new token it takes messages again.
        await house.put("/v1/recipients/p0/devices/d0", {"token": device_token()})
        back = await house.finished(await house.trigger({"recipients": ["p0"]}, "ready"))
        assert back["by_channel"]["push"]["sent"] == 2
        await house.check()


async def test_a_token_that_moved_meanwhile_takes_nothing_of_who_had_it_before(
    database: str, project: Path, fcm: FcmFake
) -> None:
    async with open_house(database, project=project, env=settings(fcm)) as house:
        tokens = (await _people(house, 1))["p0"]
        await house.post("/v1/queues/push/pause")
        trigger = await house.trigger({"recipients": ["p0"]}, "ready")

        async def planned() -> bool:
            return len(await _messages(house, trigger)) == 2

        await wait_until(planned, 30, "the messages")
        await house.put("/v1/recipients/other", {"name": "Other"})
        await house.put("/v1/recipients/other/devices/x", {"token": tokens["d0"]})
        await house.post("/v1/queues/push/resume")
        done = await house.finished(trigger)
        assert (done["by_channel"]["push"]["sent"], done["by_channel"]["push"]["skipped"]) == (1, 1)
        assert [taken.token for taken in fcm.taken] == [tokens["d1"]]
        await house.check()


async def test_a_device_of_another_project_is_reached_through_that_projects_account(
    database: str, project: Path, fcm: FcmFake
) -> None:
    async with FcmFake(project="the-other") as other:
        accounts = {
            name: {"kind": "fcm", "service_account": fake.service_account, "base_url": fake.url}
            for name, fake in (("first", fcm), ("second", other))
        }
        env = {"CLARION_PROVIDERS": json.dumps(accounts), "CLARION_PUSH_PROVIDERS": "first, second"}
        async with open_house(database, project=project, env=env) as house:
            tokens = (await _people(house, 1))["p0"]
            fcm.mismatched.add(tokens["d0"])
            other.mismatched.add(tokens["d1"])
            done = await house.finished(await house.trigger({"recipients": ["p0"]}, "ready"))
            assert done["by_channel"]["push"]["sent"] == 2
            assert [taken.token for taken in fcm.taken] == [tokens["d1"]]
            assert [taken.token for taken in other.taken] == [tokens["d0"]]
            other.mismatched.add(tokens["d0"])
            done = await house.finished(await house.trigger({"recipients": ["p0"]}, "ready"))
            assert done["by_channel"]["push"]["failed"] == 1, "neither project knows it"
            listed = (await house.get("/v1/recipients/p0/devices"))["items"]
            assert [device["disabled_at"] for device in listed] == [None, None]
            await house.check()


async def test_each_device_is_reached_through_an_account_of_its_own_kind(
    database: str, project: Path, fcm: FcmFake
) -> None:
    """Also on bad days: what one account fails goes to no account of another kind."""
    async with WebPushFake() as web, FcmFake() as spare:
        accounts: dict[str, dict[str, str]] = {
            name: {"kind": "fcm", "service_account": fake.service_account, "base_url": fake.url}
            for name, fake in (("phones", fcm), ("spare", spare))
        }
        keys = {"private_key": VAPID_KEY, "subject": SUBJECT}
        accounts["web"] = {"kind": "webpush", **keys, "base_url": web.url}
        env = {"CLARION_PROVIDERS": json.dumps(accounts), "CLARION_PUSH_PROVIDERS": "web, phones, spare"}
        async with open_house(database, project=project, env=env) as house:
            tokens = await _people(house, 10, each=1)
            browsers = {who: subscribed(web) for who in tokens}
            for who, token in browsers.items():
                await _register(house, f"{who}/devices/browser", token, "webpush")
            fcm.faults.add(*(Fault(how=How.ANSWER, status=503) for _ in range(3)))
            web.faults.add(*(Fault(how=How.ANSWER, status=503) for _ in range(3)))
            await _register(house, "p0/devices/watch", "a" * 64, "apns")
            trigger = await house.trigger({"recipients": list(tokens)}, "ready")
            said: dict[str, Any] = {}

            async def all_but_one() -> bool:
                found = await _messages(house, trigger)
                said.update({one["address"]: one for one in found})
                return Counter(one["status"] for one in found) == {"sent": 20, "queued": 1} and bool(
                    said["watch"]["reason"]
                )

            await wait_until(all_but_one, 30, "those that an account takes")
            phones = {token for theirs in tokens.values() for token in theirs.values()}
            assert {taken.token for taken in fcm.taken} | {taken.token for taken in spare.taken} == phones
            assert len(spare.taken) == 3, "what one of the kind fails, another of it carries"
            assert Counter(taken.browser for taken in web.taken) == Counter(
                json.loads(token)["endpoint"].rpartition("/")[2] for token in browsers.values()
            )
            assert (fcm.asked, spare.asked, web.asked) == (10, 3, 13)
            assert "no provider is configured for devices of apns" in said["watch"]["reason"]
            assert said["watch"]["attempts"] == 0
            web.gone.add(json.loads(browsers["p0"])["endpoint"].rpartition("/")[2])
            assert (await house.api.call("DELETE", "/v1/recipients/p0/devices/watch")).status == 204
            again = await house.finished(await house.trigger({"recipients": ["p0"]}, "ready"))
            assert (again["by_channel"]["push"]["sent"], again["by_channel"]["push"]["failed"]) == (1, 1)
            assert (await house.get("/v1/recipients/p0/devices/browser"))["disabled_at"] is not None
            await pass_time_for_jobs(house.api.pool, timedelta(minutes=2))
            done = await house.finished(trigger)
            assert done["by_channel"]["push"]["skipped"] == 1, "its device is gone"
            await house.check()


async def test_what_became_of_messages_is_asked_for_where_nobody_tells(database: str, project: Path) -> None:
    async with ExpoFake() as expo:
        env = {"CLARION_PROVIDERS": json.dumps({"expo": {"kind": "expo", "base_url": expo.url}})}
        async with open_house(database, project=project, env=env) as house:
            tokens = {name: expo_token() for name in ("well", "gone", "moved", "late", "never")}
            await house.put("/v1/recipients/ann", {"name": "Ann"})
            for name, token in tokens.items():
                device = {"token": token, "provider": "expo"}
                await house.put(f"/v1/recipients/ann/devices/{name}", device)
            trigger = await house.trigger({"recipients": ["ann"]}, "ready")
            done = await house.finished(trigger)
            assert done["by_channel"]["push"]["sent"] == 5
            ticket = {name: next(one.id for one in expo.taken if one.to == token) for name, token in tokens.items()}
            dead: dict[str, object] = {
                "status": "error",
                "message": "gone",
                "details": {"error": "DeviceNotRegistered"},
            }
            expo.receipts = {ticket["gone"]: dead, ticket["moved"]: dead, ticket["late"]: dead}
            expo.unknown = {ticket["late"], ticket["never"]}
            await house.put("/v1/recipients/ann/devices/moved", {"token": expo_token(), "provider": "expo"})
            assert expo.receipts_asked == [], "Expo asks for a quarter of an hour"

            async def status(name: str) -> str:
                found = {one["address"]: one for one in await _messages(house, trigger)}
                return str(found[name]["status"])

            async def failed(*names: str) -> bool:
                return [await status(name) for name in names] == ["failed"] * len(names)

            await pass_time_for_jobs(house.api.pool, timedelta(minutes=16))
            await wait_until(lambda: failed("gone", "moved"), 30, "the receipts")
            devices_now = {one["id"]: one for one in (await house.get("/v1/recipients/ann/devices"))["items"]}
            assert devices_now["gone"]["disabled_at"] is not None
            assert devices_now["moved"]["disabled_at"] is None, "the token that was used is not its token any more"
            assert [await status(name) for name in ("well", "late", "never")] == ["sent"] * 3
            expo.unknown.discard(ticket["late"])
            expo.faults.add(Fault(how=How.ANSWER, status=503))

            async def asked(times: int) -> bool:
                await pass_time_for_jobs(house.api.pool, timedelta(minutes=5))
                return len(expo.receipts_asked) >= times and await status("late") == "failed"

            await wait_until(lambda: asked(2), 30, "the late one")
            assert expo.receipts_asked[0] == 5
            assert set(expo.receipts_asked[1:]) <= {1, 2}, "what is known is not asked again"
            await house.check()


async def _register(house: House, path: str, token: str, provider: str) -> None:
    """As the API does where the account is set up: here it is the worker's alone."""
    recipient, _, device = path.split("/")
    async with house.api.pool.acquire() as connection, connection.transaction():
        tenant = house.api.tenants["one"]
        await devices.put(connection, tenant, recipient, device, provider=provider, token=token, platform=None)


async def test_without_a_provider_messages_wait_and_say_for_what(database: str, project: Path) -> None:
    async with open_house(database, project=project) as house:
        await _people(house, 1, each=1)
        trigger = await house.trigger({"recipients": ["p0"]}, "ready")
        said: dict[str, object] = {}

        async def waits() -> bool:
            for message in await _messages(house, trigger):
                said.update(message)
            return "no provider is configured for push" in str(said.get("reason"))

        await wait_until(waits, 30, "the reason")
        assert said["status"] == "queued"
        await house.check()
