"""A recipient with several addresses is reached at the next one when the first is dead, and only where it is theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.house import House, open_house
from tests.support.project import build
from tests.support.smtp_faults import Fault

MAIL = "---\nsubject: Hello\n---\nHello {{ recipient.name }}."
FILES = {
    "clarion.toml": '[email]\nfrom = "shop@shop.example"\n[suppression]\nverified_categories = ["money"]\n',
    "workflows/news.yaml": "category: news\nsteps: [{channel: email}]\n",
    "workflows/reset.yaml": "require_verified: true\nsteps: [{channel: email}, {channel: sms}]\n",
    "workflows/bill.yaml": "category: money\nsteps: [{delay: 1s}, {channel: email}]\n",
    **{f"templates/{key}/email.txt": MAIL for key in ("news", "reset", "bill")},
    "templates/reset/sms.txt": "Hello.",
}
DEAD = Fault(at="rcpt", do="reply", code=550, text="5.1.1 no such user", to="ann@dead.example")


@pytest.fixture
async def house(database: str, tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(database, project=build(tmp_path / "project", FILES)) as house:
        await house.put("/v1/recipients/ann", {"name": "Ann", "email": "ann@dead.example"})
        yield house


async def _add(house: House, address: str, *, verified: bool = False) -> None:
    reply = await house.api.call(
        "POST", "/v1/recipients/ann/addresses", {"address": address, "verified": verified or None}
    )
    assert reply.status == 201, reply.json


async def _send(house: House, workflow: str, channel: str = "email") -> dict[str, Any]:
    trigger = await house.trigger({"recipients": ["ann"]}, workflow)
    await house.finished(trigger)
    found: dict[str, Any] = await house.get((await house.messages(trigger))["ann", channel]["href"])
    return found


async def test_what_bounces_goes_to_the_next_verified_address_with_the_reason(house: House) -> None:
    await _add(house, "ann@unverified.example")
    await _add(house, "ann@home.example", verified=True)
    house.smtp.faults = [DEAD]
    message = await _send(house, "news")
    assert (message["status"], message["address"]) == ("sent", "ann@home.example")
    assert house.smtp.recipients() == ["ann@home.example"]
    timeline = {entry["kind"]: entry for entry in message["timeline"]}
    assert timeline["readdressed"]["detail"].startswith("instead of ann@dead.example: hard_bounce since")
    rejected = next(entry for entry in message["timeline"] if entry["status"] == "rejected")
    assert rejected["detail"].endswith("its recipient has another address")
    # The dead one is preferred still, and known to be dead: the next message is not tried there.
    asked = house.smtp.commands["RCPT"]
    assert (await _send(house, "news"))["address"] == "ann@home.example"
    assert house.smtp.commands["RCPT"] == asked + 1
    await house.check()


async def test_who_has_no_other_verified_address_is_not_reached(house: House) -> None:
    await _add(house, "ann@unverified.example")
    house.smtp.faults = [DEAD]
    assert (await _send(house, "news"))["status"] == "failed"
    skipped = await _send(house, "news")
    assert (skipped["status"], skipped["address"]) == ("skipped", "ann@dead.example")
    assert skipped["reason"].startswith("suppressed: hard_bounce")
    await house.check()


async def test_who_has_unsubscribed_is_not_written_to_elsewhere(house: House) -> None:
    await _add(house, "ann@home.example", verified=True)
    said = {"address": "ann@dead.example", "reason": "unsubscribe", "category": "news"}
    await house.post("/v1/suppressions", {"suppressions": [said]}, status=200)
    assert (await _send(house, "news"))["status"] == "skipped"
    # Nor where the next one has bounced as well.
    both = [{"address": f"ann@{name}.example", "reason": "hard_bounce"} for name in ("dead", "home")]
    await house.post("/v1/suppressions", {"suppressions": both}, status=200)
    skipped = await _send(house, "news")
    assert skipped["status"] == "skipped"
    assert house.smtp.recipients() == []
    await house.check()


@pytest.mark.parametrize("workflow", ["reset", "bill"])
async def test_some_go_to_verified_addresses_alone(house: House, workflow: str) -> None:
    skipped = await _send(house, workflow)
    assert (skipped["status"], skipped["reason"]) == ("skipped", "no verified address for email")
    await _add(house, "ann@home.example", verified=True)
    assert (await _send(house, workflow))["address"] == "ann@home.example"
    (first, *_) = (await house.get("/v1/recipients/ann/addresses"))["items"]
    assert first["address"] == "ann@dead.example"
    await house.put(f"/v1/recipients/ann/addresses/{first['id']}", {"verified": True})
    assert (await _send(house, workflow))["address"] == "ann@dead.example", "the preferred one goes first"
    await house.check()
