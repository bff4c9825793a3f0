"""Suppression, whole: what bounces is not written to again, and who unsubscribes with one click is left alone."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import SECRET
from tests.support.command import clarion
from tests.support.house import House, open_house
from tests.support.http import Connection, request
from tests.support.providers import MAIL_DOMAIN, MAIL_KEY, SIGNING_KEY
from tests.support.smtp_faults import Fault

from clarion.channels.email.mailgun_callbacks import MailgunCallbacks
from clarion.dev.fakes.mailgun import MailgunFake
from clarion.flows import suppressed

ADDRESS = "https://notify.example"
MAIL = """---
subject: Hello
---
Hello.{% if message.unsubscribe_url %} No more: {{ message.unsubscribe_url }}{% endif %}
"""
WORKFLOWS = {
    "newsletter": "category: news\nsteps: [{channel: email}]\n",
    "bargain": "category: offers\nsteps: [{channel: email}]\n",
    "receipt": "steps: [{channel: email}]\n",
    "reset": "category: news\npriority: critical\nsteps: [{channel: email}]\n",
    "alarm": "category: security\nsteps: [{channel: email}]\n",
}
SETTINGS = {
    "CLARION_PUBLIC_URL": ADDRESS,
    "CLARION_SECRET": SECRET.decode(),
    "CLARION_SUPPRESSION_CRITICAL_CATEGORIES": "security",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a workflow for each kind of category."""
    files = {"clarion.toml": '[email]\nfrom = "shop@shop.example"\n'}
    for key, definition in WORKFLOWS.items():
        files[f"workflows/{key}.yaml"] = definition
        files[f"templates/{key}/email.txt"] = MAIL
    for name, text in files.items():
        file = tmp_path / "project" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "project"


@pytest.fixture
async def house(database: str, project: Path) -> AsyncIterator[House]:
    async with open_house(database, project=project, env=SETTINGS, keep_data=True) as house:
        yield house


async def send(house: House, workflow: str, address: str = "ann@example.com") -> Any:
    """The message of one trigger to one address, once it has ended."""
    trigger = await house.trigger({"recipients": [{"email": address}]}, workflow)
    await house.finished(trigger)
    (message,) = (await house.messages(trigger)).values()
    return message


def latest(house: House) -> EmailMessage:
    return message_from_bytes(house.smtp.accepted[-1].data, policy=policy.default)


async def click(house: House, url: str) -> int:
    """What a mail program sends when its button is pressed."""
    path = url.removeprefix(ADDRESS)
    async with await Connection.open(house.api.port) as connection:
        kind = {"content-type": "application/x-www-form-urlencoded"}
        await connection.say(request("POST", path, body=b"List-Unsubscribe=One-Click", headers=kind))
        return (await connection.hear()).status


async def test_one_click_and_no_more_of_that_category(house: House) -> None:
    assert (await send(house, "newsletter"))["status"] == "sent"
    mail = latest(house)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    (url,) = re.findall(r"^<(.*)>$", str(mail["List-Unsubscribe"]))
    assert url.startswith(f"{ADDRESS}/u/")
    assert url in mail.get_content().replace("=\n", "")
    assert "ann" not in url
    assert await click(house, url) == 200
    skipped = await send(house, "newsletter", "ANN@example.com")
    assert skipped["status"] == "skipped"
    assert re.fullmatch(
        r"suppressed: unsubscribe of category news since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", skipped["reason"]
    )
    told = await house.get(skipped["href"])
    assert [(one["kind"], one["detail"]) for one in told["timeline"][1:]] == [("skipped", skipped["reason"])]
    for workflow, address in (
        *(("bargain", "ann@example.com"), ("receipt", "ann@example.com")),
        *(("reset", "ann@example.com"), ("newsletter", "bo@example.com")),
    ):
        assert (await send(house, workflow, address))["status"] == "sent", workflow
    assert len(house.smtp.accepted) == 5
    await house.check()


async def test_who_unsubscribes_between_the_look_and_the_intent_gets_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of another category it changes nothing but that the message is decided once more."""
    await house.post("/v1/suppressions", {"suppressions": [{"address": "bo@example.com"}]})  # else none is looked for
    look = suppressed.Suppressed.find
    meanwhile: list[dict[str, str]] = []

    async def look_and_then(self: suppressed.Suppressed, *given: Any) -> Any:
        found = await look(self, *given)
        while meanwhile:
            await house.post("/v1/suppressions", {"suppressions": [meanwhile.pop()]})
        return found

    monkeypatch.setattr(suppressed.Suppressed, "find", look_and_then)
    meanwhile.append({"address": "ANN@example.com", "category": "offers", "reason": "unsubscribe"})
    sent = await send(house, "newsletter")
    assert (sent["status"], sent["attempts"], meanwhile) == ("sent", 1, [])
    meanwhile.append({"address": "ANN@example.com", "category": "news", "reason": "unsubscribe"})
    skipped = await send(house, "newsletter")
    assert (skipped["status"], skipped["attempts"]) == ("skipped", 0)
    assert skipped["reason"].startswith("suppressed: unsubscribe of category news")
    assert len(house.smtp.accepted) == 1
    await house.check()


@pytest.mark.parametrize("workflow", ["receipt", "reset", "alarm"])
async def test_what_nobody_can_unsubscribe_from_does_not_offer_it(house: House, workflow: str) -> None:
    assert (await send(house, workflow))["status"] == "sent"
    mail = latest(house)
    assert mail["List-Unsubscribe"] is None
    assert mail["List-Unsubscribe-Post"] is None
    assert "No more" not in mail.get_content()


async def test_without_an_address_of_ours_nothing_is_offered(database: str, project: Path) -> None:
    async with open_house(database, project=project, keep_data=True) as house:
        assert (await send(house, "newsletter"))["status"] == "sent"
        assert latest(house)["List-Unsubscribe"] is None


async def test_a_mailbox_that_is_not_there_is_not_written_to_again(database: str, project: Path) -> None:
    gone, odd = "gone@example.com", "odd@example.com"
    faults = [
        Fault(at="rcpt", do="reply", code=550, text="5.1.1 no such user", to=gone),
        Fault(at="rcpt", do="reply", code=550, text="we do not like you", to=odd),
    ]
    async with open_house(database, project=project, env=SETTINGS, faults=faults) as house:
        for address in (gone, odd):
            assert (await send(house, "newsletter", address))["status"] == "failed"
        (one,) = (await house.get("/v1/suppressions"))["items"]
        assert (one["address"], one["reason"]) == (gone, "hard_bounce")
        assert "5.1.1 no such user" in one["detail"]
        for workflow in WORKFLOWS:
            message = await send(house, workflow, gone)
            assert message["status"] == "skipped", "also what is critical"
            assert message["reason"].startswith("suppressed: hard_bounce since ")
        assert (await send(house, "newsletter", odd))["status"] == "failed", "that may have been about us"
        asked = house.smtp.commands["RCPT"]
        assert (await house.api.call("DELETE", one["href"])).status == 204
        assert (await send(house, "newsletter", gone))["status"] == "failed"
        assert house.smtp.commands["RCPT"] == asked + 1
        await house.check()


async def test_what_a_provider_tells_later_is_heeded(database: str, project: Path) -> None:
    """Through Mailgun: a mail that came back and one that somebody called spam."""
    async with MailgunFake(domain=MAIL_DOMAIN, api_key=MAIL_KEY, signing_key=SIGNING_KEY) as fake:
        account = {"kind": "mailgun", "domain": MAIL_DOMAIN, "api_key": MAIL_KEY, "signing_key": SIGNING_KEY}
        env = SETTINGS | {
            "CLARION_PROVIDERS": json.dumps({"main": account | {"base_url": fake.url}}),
            "CLARION_EMAIL_PROVIDER": "main",
        }
        async with open_house(database, project=project, env=env) as house:
            integrations: Any = house.api.services.integrations
            integrations["mailgun", "main"] = MailgunCallbacks(SIGNING_KEY)
            hook = f"http://127.0.0.1:{house.api.port}/v1/callbacks/mailgun/main"
            fake.webhooks = {name: [hook] for name in ("delivered", "permanent_fail", "complained")}
            angry, gone, glad = (f"{name}@example.com" for name in ("angry", "gone", "glad"))
            for address in (angry, gone, glad):
                assert (await send(house, "newsletter", address))["status"] == "sent"
            headers = fake.taken[0].message.partition("\n\n")[0]
            assert f"List-Unsubscribe: <{ADDRESS}/u/" in headers
            assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in headers
            ids = {mail.to: mail.id for mail in fake.taken}
            for address, kind in ((angry, "delivered"), (angry, "complained"), (gone, "failed"), (glad, "delivered")):
                assert await fake.report(ids[address], kind) == [200]
            reasons = {one["address"]: one["reason"] for one in (await house.get("/v1/suppressions"))["items"]}
            assert reasons == {angry: "complaint", gone: "hard_bounce"}
            for address, status in ((angry, "skipped"), (gone, "skipped"), (glad, "sent")):
                assert (await send(house, "reset", address))["status"] == status
            assert len(fake.taken) == 4
            await house.check()


async def test_in_one_list_only_those_who_are_suppressed_are_left_out(house: House) -> None:
    people = [f"p{number:03}@example.com" for number in range(300)]
    items = [{"address": address, "reason": "complaint"} for address in people[::3]]
    assert (await house.post("/v1/suppressions", {"suppressions": items}))["created"] == 100
    trigger = await house.trigger({"recipients": [{"email": address} for address in people]}, "newsletter")
    done = await house.finished(trigger)
    assert (done["messages"]["sent"], done["messages"]["skipped"]) == (200, 100)
    assert set(house.smtp.recipients()) == set(people) - set(people[::3])
    await house.check()


async def test_on_the_command_line(house: House, tmp_path: Path) -> None:
    where = ("--url", f"http://127.0.0.1:{house.api.port}", "--api-key", house.api.keys["one"])

    async def run(*words: object) -> Any:
        return await clarion("suppressions", *words, *where)

    added = await run("add", "Ann@example.com", "+31612345678", "--detail", "by telephone", "--json")
    assert (added.code, added.json) == (0, {"created": 2, "updated": 0, "invalid": 0})
    wrong = await run("add", "nobody", "bo@example.com", "--expires-after", "30d")
    assert wrong.code == 1
    assert "nobody: address: This is not a usable phone number: it has no digits" in wrong.err
    (tmp_path / "some.csv").write_text("address,reason\nzoe@example.com,\nzoe@example.com,nonsense\n")
    assert f"{tmp_path}/some.csv:3: reason: " in (await run("import", tmp_path / "some.csv")).err
    assert (await run("remove", "zoe@example.com")).code == 0
    assert [one["address"] for one in (await run("list", "--json")).lines] == [
        *("bo@example.com", "+31612345678", "Ann@example.com"),
    ]
    assert "by telephone" in (await run("list", "--channel", "sms")).out
    for kind in ("csv", "ndjson"):
        file = tmp_path / f"kept.{kind}"
        written = await run("export", "--format", kind)
        assert written.code == 0, written.err
        file.write_text(written.out)
        assert not re.search(r"^\+", written.out, re.MULTILINE), "a spreadsheet would take it for a formula"
        for address in ("ann@example.com", "+31612345678", "bo@example.com"):
            assert (await run("remove", address)).code == 0
        assert (await run("list", "--json")).lines == []
        back = await run("import", file, "--json")
        assert (back.code, back.json) == (0, {"created": 3, "updated": 0, "invalid": 0}), back.err
        again = (await run("export", "--format", kind)).out
        assert [line.rpartition(",")[0] for line in sorted(again.splitlines())] == [
            line.rpartition(",")[0] for line in sorted(written.out.splitlines())
        ], "all but the time at which it was created"
    id = (await run("list", "--address", "+31612345678", "--json")).lines[0]["id"]
    assert (await run("remove", id)).code == 0
    assert (await run("remove", id)).code == 3
    assert (await run("remove", "nobody@example.com")).code == 3
    bad = tmp_path / "bad.csv"
    bad.write_text("mail\nx@example.com\n")
    refused = await run("import", bad)
    assert (refused.code, "bad.csv:1: there is no column `address`" in refused.err) == (2, True)
    assert "and has `mail`" in refused.err
    bad.write_text(
        "\ufeffAddress;Reason\nx@example.com;complaint\nX@example.com;complaint\n"
    )  # as a spreadsheet writes
    twice = await run("import", bad, "--json")
    assert (twice.code, twice.json) == (1, {"created": 1, "updated": 0, "invalid": 1})
    assert f"{bad}:3: {bad}:2 says the same of this address" in twice.err
    assert (await run("export", "--format", "xml")).code == 2
