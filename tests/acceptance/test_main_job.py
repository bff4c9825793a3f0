"""The main job, whole: over HTTP in, by SMTP and to the feed out, and at any time what became of every message."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.house import open_house
from tests.support.smtp_faults import Fault
from tests.support.wait import wait_until

from clarion import clock


async def test_one_call_reaches_one_guest_by_mail_and_in_the_feed(database: str) -> None:
    async with open_house(database) as house:
        trigger = await house.trigger({"recipients": [{"id": "nitish", "name": "N", "email": "nitish@guests.example"}]})
        done = await house.finished(trigger)
        assert done["recipients"] == {"total": 1, "expanded": 1}
        assert (done["messages"]["sent"], done["messages"]["delivered"]) == (1, 1)
        assert house.smtp.recipients() == ["nitish@guests.example"]
        messages = await house.messages(trigger)
        mail = await house.get(messages["nitish", "email"]["href"])
        assert mail["provider_message_id"]
        assert [entry["kind"] for entry in mail["timeline"]] == ["created", "attempt"]
        assert mail["timeline"][1]["status"] == "accepted"
        job = await house.get(f"/v1/jobs/{mail['id']}")
        assert (job["state"], job["queue"], job["result"]["status"]) == ("done", "email", "sent")
        assert (await house.get(f"/v1/jobs/{trigger}"))["progress"] == {"expanded": 1, "total": 1}
        feed = await house.get("/v1/recipients/nitish/feed")
        assert [item["message"] for item in feed["items"]] == [messages["nitish", "in_app"]["id"]]
        assert (await house.get("/v1/recipients/nitish/feed/counts"))["unread"] == 1
        await house.check()


async def test_a_topic_is_reached_page_by_page_each_person_once(database: str) -> None:
    people = [f"p{number:04}" for number in range(2500)]
    async with open_house(database) as house:
        for start in range(0, len(people), 1000):
            batch = [{"id": id, "email": f"{id}@guests.example"} for id in people[start : start + 1000]]
            await house.post("/v1/recipients/bulk", {"recipients": batch})
        for topic, members in (("students", people[:1500]), ("parents", people[1000:])):
            await house.put(f"/v1/topics/{topic}", {})
            await house.post(f"/v1/topics/{topic}/members", {"ids": members})
        trigger = await house.trigger({"recipients": [{"topic": "students"}, {"topic": "parents"}, "p0001"]})
        done = await house.finished(trigger)
        assert done["recipients"] == {"total": 2500, "expanded": 2500}
        assert done["by_channel"]["email"]["sent"] == done["by_channel"]["in_app"]["delivered"] == 2500
        assert Counter(house.smtp.recipients()) == Counter(f"{id}@guests.example" for id in people)
        await house.check()


async def test_who_has_no_address_is_skipped_with_the_reason(database: str) -> None:
    async with open_house(database) as house:
        trigger = await house.trigger({"recipients": [{"id": "quiet", "name": "Q"}]})
        await house.finished(trigger)
        messages = await house.messages(trigger)
        assert messages["quiet", "email"]["status"] == "skipped"
        assert messages["quiet", "email"]["reason"] == "no address for email"
        assert messages["quiet", "in_app"]["status"] == "delivered"
        async with house.api.pool.acquire() as connection:  # the clock that dated its id was fast
            await connection.execute("UPDATE message SET ended_at = ended_at - interval '1 s' WHERE status = 'skipped'")
        timeline = (await house.get(messages["quiet", "email"]["href"]))["timeline"]
        assert [entry["kind"] for entry in timeline] == ["created", "skipped"]
        assert timeline[-1]["detail"] == "no address for email"
        await house.check()


async def test_channels_narrow_the_workflow(database: str) -> None:
    async with open_house(database) as house:
        trigger = await house.trigger({"recipients": [{"id": "a", "email": "a@b.example"}], "channels": ["in_app"]})
        await house.finished(trigger)
        assert list(await house.messages(trigger)) == [("a", "in_app")]
        assert house.smtp.recipients() == []


async def test_a_rejected_mail_fails_and_can_be_retried_by_hand_a_sent_one_cannot(database: str) -> None:
    faults = [Fault(at="rcpt", do="reply", code=550, times=1)]
    async with open_house(database, faults=faults) as house:
        trigger = await house.trigger({"recipients": [{"id": "a", "email": "a@b.example"}], "channels": ["email"]})
        await house.finished(trigger)
        mail = (await house.messages(trigger))["a", "email"]
        assert mail["status"] == "failed"
        assert "550" in mail["reason"]
        assert (await house.get(f"/v1/jobs/{mail['id']}"))["state"] == "buried"
        await house.post(f"{mail['href']}/retry", status=202)
        await wait_until(lambda: house.smtp.recipients() == ["a@b.example"], 20, "the retried mail")

        async def is_sent() -> bool:
            return bool((await house.get(mail["href"]))["status"] == "sent")

        await wait_until(is_sent, 20, "the status")
        timeline = (await house.get(mail["href"]))["timeline"]
        assert [entry["kind"] for entry in timeline] == ["created", "attempt", "retried", "attempt"]
        refused = await house.post(f"{mail['href']}/retry", status=409)
        assert refused["code"] == "not_retryable"
        await house.check()


async def test_a_buried_delivery_that_is_redriven_is_sent(database: str) -> None:
    faults = [Fault(at="rcpt", do="reply", code=550, times=1)]
    async with open_house(database, faults=faults) as house:
        trigger = await house.trigger({"recipients": [{"id": "a", "email": "a@b.example"}], "channels": ["email"]})
        await house.finished(trigger)
        await house.post("/v1/queues/email/redrive", {})
        await wait_until(lambda: house.smtp.recipients() == ["a@b.example"], 20, "the redriven mail")


async def test_a_temporary_refusal_is_tried_again(database: str) -> None:
    faults = [Fault(at="rcpt", do="reply", code=450, times=1)]
    async with open_house(database, faults=faults, run=False) as house:
        trigger = await house.trigger({"recipients": [{"id": "a", "email": "a@b.example"}], "channels": ["email"]})
        await _drain(house.worker)
        mail = (await house.messages(trigger))["a", "email"]
        assert (mail["status"], mail["attempts"]) == ("queued", 1)
        job = await house.get(f"/v1/jobs/job_{mail['id'].removeprefix('msg_')}")
        assert (job["state"], job["attempts"]) == ("scheduled", 1)
        assert timedelta(seconds=3) < datetime.fromisoformat(job["run_at"]) - clock.now() < timedelta(seconds=7)
        async with house.api.pool.acquire() as connection:  # the clock steps to when it is due
            await connection.execute("UPDATE job SET run_at = now()")
        await _drain(house.worker)
        assert house.smtp.recipients() == ["a@b.example"]
        await house.check()


async def test_a_cancelled_trigger_sends_nothing_more(database: str) -> None:
    async with open_house(database, run=False) as house:
        people = [{"id": f"p{number}", "email": f"p{number}@b.example"} for number in range(30)]
        trigger = await house.trigger({"recipients": people})
        await _once(house.worker, "expand")
        await house.post(f"/v1/triggers/{trigger}/cancel", status=202)
        await _drain(house.worker)
        done = await house.get(f"/v1/triggers/{trigger}")
        assert done["status"] == "cancelled"
        assert done["messages"]["cancelled"] == 60
        assert house.smtp.recipients() == []
        assert (await house.post(f"/v1/triggers/{trigger}/cancel", status=202))["status"] == "cancelled"
        await house.check()


async def test_send_at_waits_as_a_job_and_can_be_cancelled(database: str) -> None:
    async with open_house(database, run=False) as house:
        later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        trigger = await house.trigger({"recipients": [{"id": "a", "email": "a@b.example"}], "send_at": later})
        await _drain(house.worker)
        assert (await house.get(f"/v1/triggers/{trigger}"))["status"] == "accepted"
        assert (await house.get(f"/v1/jobs/{trigger}"))["state"] == "scheduled"
        await house.post(f"/v1/triggers/{trigger}/cancel", status=202)
        reply = await house.api.call("GET", "/v1/queues/expand/jobs?state=scheduled")
        assert reply.json["items"] == []


async def test_what_is_late_expires_and_says_so(database: str) -> None:
    async with open_house(database, run=False) as house:
        soon = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        trigger = await house.trigger({"recipients": [{"id": "a", "email": "a@b.example"}], "expires_at": soon})
        await _once(house.worker, "expand")
        async with house.api.pool.acquire() as connection:
            await connection.execute("UPDATE message SET expires_at = now() - interval '1 second'")
        await _drain(house.worker)
        assert {m["status"] for m in (await house.messages(trigger)).values()} == {"expired"}
        assert house.smtp.recipients() == []


async def test_a_missing_variable_fails_the_message_and_names_it(database: str) -> None:
    async with open_house(database) as house:
        trigger = await house.trigger(
            {"recipients": [{"id": "a", "email": "a@b.example"}], "payload": {"orderId": "1"}}
        )
        await house.finished(trigger)
        mail = (await house.messages(trigger))["a", "email"]
        assert mail["status"] == "failed"
        assert "payload.name" in mail["reason"]
        assert house.smtp.recipients() == []
        await house.check()


async def test_a_paused_queue_keeps_its_mails_until_it_is_resumed(database: str) -> None:
    async with open_house(database) as house:
        await house.post("/v1/queues/email/pause")
        trigger = await house.trigger({"recipients": [{"id": "a", "email": "a@b.example"}]})

        async def in_app_is_there() -> bool:
            return bool((await house.get(f"/v1/triggers/{trigger}"))["messages"]["delivered"] == 1)

        await wait_until(in_app_is_there, 20, "the feed item")
        assert (await house.get("/v1/queues/email"))["ready"] == 1
        assert house.smtp.recipients() == []
        await house.post("/v1/queues/email/resume")
        await house.finished(trigger)
        assert house.smtp.recipients() == ["a@b.example"]


async def test_runs_in_flight_keep_the_version_they_began_with(database: str, tmp_path: Any) -> None:
    import shutil

    from tests.support.house import HOTEL

    from clarion.flows.apply import apply
    from clarion.project.load import load_project

    async with open_house(database, run=False) as house:
        trigger = await house.trigger({"recipients": [{"id": "a", "email": "a@b.example"}], "channels": ["in_app"]})
        project = shutil.copytree(HOTEL, tmp_path / "hotel")
        words = project / "templates" / "booking-confirmed" / "in_app.txt"
        words.write_text(words.read_text().replace("title:", "title: New words #"))
        found, _ = load_project(project)
        assert found is not None
        async with house.api.pool.acquire() as connection:
            applied, _ = await apply(connection, house.api.tenants["one"], found.workflows)
            assert (applied.version, applied.is_new) == (2, True)
            applied, _ = await apply(connection, house.api.tenants["one"], found.workflows)
            assert (applied.version, applied.is_new) == (2, False)
        await _drain(house.worker)
        assert (await house.get(f"/v1/triggers/{trigger}"))["workflow_version"] == 1
        title = (await house.get("/v1/recipients/a/feed"))["items"][0]["title"]
        assert title == "Booking 12345 is confirmed"


@pytest.mark.parametrize("locale", ["de", "pt-BR", "fr-CA", "ja", "xx"])
async def test_words_come_in_the_recipients_language(database: str, locale: str) -> None:
    starts = {"de": "Buchung", "pt-BR": "Reserva", "fr-CA": "Réservation", "ja": "ご予約", "xx": "Booking"}
    async with open_house(database) as house:
        person = {"id": "a", "email": "a@b.example", "locale": locale}
        trigger = await house.trigger({"recipients": [person], "channels": ["in_app"]})
        await house.finished(trigger)
        title = (await house.get("/v1/recipients/a/feed"))["items"][0]["title"]
        assert starts[locale] in title, title


async def _once(worker: Any, queue: str) -> int:
    return int(sum([await consumer.run_once() for consumer in worker.consumers if consumer.queue == queue]))


async def _drain(worker: Any) -> None:
    """Run the worker by hand until there is nothing left to do now."""
    while sum([await consumer.run_once() for consumer in worker.consumers]):
        pass
    for duty in worker.duties:
        await duty.run_once()
