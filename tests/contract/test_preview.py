"""What a workflow would say, looked at before it says it: rendered whole on every channel, and nothing comes of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.chats import telegram_account
from tests.support.command import clarion
from tests.support.postgres import Databases
from tests.support.project import build

from clarion import clock, ids
from clarion.domain.cap import parse_caps
from clarion.domain.workflow import Workflow
from clarion.flows.apply import apply
from clarion.flows.caps import Caps
from clarion.flows.rates import provider_pace
from clarion.flows.verified import Verified
from clarion.project.load import load_project
from clarion.queue import control, limits
from clarion.store import cap_uses

TITLE = "---\ntitle: Order {{ payload.order }}\n---\n"
CARD = (
    "fields: {Order: '{{ payload.order }}', Left out: '{{ payload.no | default: \"\" }}'}\n"
    "buttons: [{text: Open, url: 'https://shop.example/{{ payload.order }}'}]\n"
)
FILES = {
    "workflows/ready.yaml": (
        "category: orders\nsteps:\n  - channel: email\n  - {channel: sms, when: payload.order > 1}\n  - delay: 2h\n"
        "  - channel: push\n  - channel: chat\n  - channel: in_app\n  - {channel: webhook, data: {o: payload.order}}\n"
    ),
    "templates/ready/email.html": (
        '---\nsubject: "Order {{ payload.order }}"\n---\n<p>{{ recipient.name }} &amp; co</p>'
        "{% if message.unsubscribe_url %}{{ message.unsubscribe_url }}{% endif %}"
    ),
    "templates/ready/email.de.html": '---\nsubject: "Bestellung {{ payload.order }}"\n---\n<p>{{ recipient.name }}</p>',
    "templates/ready/sms.txt": "Order {{ payload.order }}, {{ recipient.name }}: {{ payload.text }}",
    "templates/ready/push.txt": TITLE + "{{ payload.text }}",
    "templates/ready/chat.txt": TITLE[:-4] + CARD + "---\nReady.",
    "templates/ready/in_app.txt": TITLE + "Ready.",
    "workflows/code.yaml": (
        "category: security\ncap: 2 in 1d and 1 in 1d on email\nrate: 1/s\n"
        "steps:\n  - channel: email\n  - channel: in_app\n  - channel: sms\n  - channel: push\n"
    ),
    "templates/code/email.txt": "---\nsubject: Code\n---\nFor {{ recipient.email }}",
    "templates/code/sms.txt": "Code",
    "templates/code/in_app.txt": "---\ntitle: Code\n---\nCode",
    "templates/code/push.txt": "---\ntitle: Code\n---\nCode",
}
PAYLOAD = {"order": 7, "text": "Olá “x”" + "a" * 70}


@pytest.fixture(scope="module")
async def api(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    project, mistakes = load_project(build(tmp_path_factory.mktemp("project"), FILES))
    assert project is not None, mistakes
    carried: Any = {"carriers": {"sms": ["twilio:main"], "chat": ["telegram:bot"]}, "accounts": [telegram_account()]}
    carried |= {"caps": Caps(), "verified": Verified(categories=["security"])}
    async with databases.migrated() as url, open_api(url, public_url="https://notify.example", **carried) as api:
        async with api.pool.acquire() as connection:
            await apply(connection, api.tenants["one"], project.workflows)
        await api.call("PUT", "/v1/recipients/ann", {"name": "Ann", "email": "ann@example.com", "locale": "de"})
        await api.call("PUT", "/v1/recipients/ann/devices/d1", {"token": "cAfe01-phone:" + "a" * 30})
        await api.call("PUT", "/v1/recipients/ann/chats/c1", {"provider": "telegram", "address": "2"})
        yield api


async def look(api: Api, **body: Any) -> dict[str, Any]:
    reply = await api.call("POST", "/v1/workflows/ready/preview", {"payload": PAYLOAD, **body})
    assert reply.status == 200, reply
    assert reply.json["version"] == 1
    return {step["step"]: step for step in reply.json["steps"]}


async def test_every_channel_with_its_words_and_how_much_they_are(api: Api) -> None:
    ann = {"id": "ann", "phone": "+31612345678"}
    steps = await look(api, recipient=ann)
    assert {name: step["outcome"] for name, step in steps.items()} == {
        **{"email": "sent", "sms": "sent", "delay": "waits", "push": "sent", "chat": "sent", "in_app": "sent"},
        "webhook": "skipped",
    }
    assert steps["email"]["content"]["subject"] == "Bestellung 7", "what is stored counts, and what is said besides"
    assert steps["sms"]["content"]["text"].startswith("Order 7, Ann: Olá")
    assert steps["sms"]["size"] == {"alphabet": "UCS-2", "units": 91, "segments": 2}
    assert steps["sms"]["warnings"] == [
        "á (U+00E1), “ (U+201C), ” (U+201D) are not in the GSM alphabet, "
        "so that one segment has 70 characters, not 160",
        "it is carried, and billed, as 2 messages",
    ]
    assert (steps["delay"]["channel"], steps["delay"]["reason"]) == (None, "2h")
    assert (steps["push"]["to"], steps["push"]["content"]["title"]) == (["d1"], "Order 7")
    assert 100 < steps["push"]["size"]["bytes"] < steps["push"]["size"]["most_bytes"] == 4096
    assert steps["chat"]["to"] == ["c1"]
    assert steps["chat"]["content"]["fields"] == [{"label": "Order", "value": "7"}]
    assert steps["chat"]["content"]["buttons"] == [{"text": "Open", "url": "https://shop.example/7"}]
    assert steps["webhook"]["reason"] == "no webhook that wants it"
    assert steps["webhook"]["content"]["data"] == {"o": 7}, "its words are shown all the same"
    assert (await api.call("GET", "/v1/recipients/ann")).json["phone"] is None, "nothing is stored"
    assert (await api.call("GET", "/v1/triggers")).json["items"] == []
    assert api.rung == []


async def test_why_a_step_would_be_skipped_or_fail(api: Api) -> None:
    steps = await look(api, recipient={"email": "zoe@example.com", "name": "Zoe"}, payload={"order": 1})
    assert steps["email"]["content"]["html"].endswith("https://notify.example/u/preview")
    assert (steps["sms"]["outcome"], steps["sms"]["reason"]) == ("skipped", "condition is not met: payload.order > 1")
    assert "payload.text (templates/ready/sms.txt:1)" in steps["sms"]["failed"]
    assert (steps["push"]["reason"], steps["push"]["content"]) == ("no device for push", None)
    # The same title stands in three files: the one that is meant is named.
    steps = await look(api, recipient="ann", payload={"text": ""}, channels=["chat", "in_app"])
    assert list(steps) == ["delay", "chat", "in_app"]
    assert "payload.order (templates/ready/chat.txt)" in steps["chat"]["failed"]
    assert "payload.order (templates/ready/in_app.txt)" in steps["in_app"]["failed"]


async def test_who_would_not_get_it_and_why(api: Api) -> None:
    await api.call("PUT", "/v1/recipients/bea", {"name": "Bea", "email": "bea@example.com", "phone": "+31687654321"})
    await api.call("PUT", "/v1/recipients/bea/chats/c1", {"provider": "telegram", "address": "3"})
    await api.call("PUT", "/v1/recipients/bea/chats/c2", {"provider": "discord", "address": "381870553235193857"})
    said = {"suppressions": [{"address": "bea@example.com", "reason": "hard_bounce"}, {"address": "+31687654321"}]}
    assert (await api.call("POST", "/v1/suppressions", said)).status == 200
    steps = await look(api, recipient="bea")
    assert steps["email"]["outcome"] == steps["sms"]["outcome"] == "skipped"
    assert steps["email"]["reason"].startswith("suppressed: hard_bounce since ")
    assert (steps["email"]["to"], steps["email"]["content"]["subject"]) == ([], "Order 7")
    assert steps["sms"]["reason"].startswith("suppressed: manual since ")
    (waits,) = steps["chat"]["warnings"]
    assert waits.startswith("no provider is configured for chats of discord")

    # What is said of an address that bounced is nothing said of the recipient: the next verified one has it.
    other = {"address": "bea@home.example", "verified": True}
    assert (await api.call("POST", "/v1/recipients/bea/addresses", other)).status in (200, 201)
    steps = await look(api, recipient="bea")
    assert (steps["email"]["outcome"], steps["email"]["to"]) == ("sent", ["bea@home.example"])
    (note,) = steps["email"]["warnings"]
    assert note.startswith("bea@example.com is suppressed: hard_bounce since ")

    # Who may not see suppressions learns of none, and who may not read people of nobody who is stored.
    scopes = {"authorization": f"Bearer {await api.new_key('one', ['triggers:write'])}"}
    body = {"recipient": {"email": "bea@example.com"}, "payload": PAYLOAD}
    await api.call("PUT", "/v1/recipients/bea@example.com", {"name": "Secret", "email": "bea@example.com"})
    reply = await api.call("POST", "/v1/workflows/ready/preview", body, headers=scopes)
    assert reply.status == 200
    assert "recipient.name" in reply.json["steps"][0]["reason"], "nobody says what they are called"
    assert "suppressed" not in str(reply.json) and "Secret" not in str(reply.json)
    all_of_it = str(await look(api, recipient=body["recipient"]))
    assert "suppressed" in all_of_it and "Secret" in all_of_it


async def test_what_would_be_held_back_and_why(api: Api) -> None:
    await api.call("PUT", "/v1/recipients/cleo", {"email": "cleo@example.com", "phone": "+31612345670"})
    await api.call("PUT", "/v1/recipients/cleo/devices/c1", {"token": "cAfe02-phone:" + "a" * 30})

    async def held(key: str | None = None) -> dict[str, tuple[str, str | None, list[str]]]:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        reply = await api.call("POST", "/v1/workflows/code/preview", {"recipient": "cleo"}, headers=headers)
        assert reply.status == 200, reply
        return {one["step"]: (one["outcome"], one["reason"], one["warnings"]) for one in reply.json["steps"]}

    # Nothing is verified; and of the two that a cap lets through the feed's is one.
    assert await held() == {
        "email": ("skipped", "no verified address for email", []),
        "in_app": ("sent", None, []),
        "sms": ("skipped", "no verified address for sms", []),
        "push": ("sent", None, []),
    }
    for address in ("cleo@home.example", "+31612345671"):
        said = {"address": address, "verified": True}
        assert (await api.call("POST", "/v1/recipients/cleo/addresses", said)).status == 201
    found = await held()
    assert [outcome for outcome, _, _ in found.values()] == ["sent", "sent", "skipped", "skipped"]
    assert found["push"][1] == "frequency cap: 2 in 1d"
    reply = await api.call("POST", "/v1/workflows/code/preview", {"recipient": "cleo"})
    assert reply.json["steps"][0]["to"] == ["cleo@home.example"]
    assert reply.json["steps"][0]["content"]["text"].strip() == "For cleo@home.example"

    # One mail has been sent today; and text messages wait, for two reasons.
    code = Workflow(
        key="code", steps=(), expires_after=timedelta(hours=1), caps=parse_caps("2 in 1d and 1 in 1d on email")
    )
    async with api.pool.acquire() as connection:
        for scope, cap in Caps().of(code):
            wanted = {(api.tenants["one"], "cleo"): [ids.new()]}
            await cap_uses.use(connection, scope, cap, wanted, clock.now())
        await limits.pause(connection, provider_pace("twilio:main"), timedelta(hours=1), "too many")
        await control.pause(connection, "push")
    found = await held()
    assert (found["email"][1], found["in_app"][0]) == ("frequency cap: 1 in 1d on email", "sent")
    assert found["sms"][1] == found["push"][1] == "frequency cap: 2 in 1d"
    steps = await look(api, recipient={"phone": "+31612345670", "name": "Cleo"})
    assert "provider:twilio:main is paused, so that it waits: too many" in steps["sms"]["warnings"]
    ann = await look(api, recipient="ann")
    assert "the queue push is paused: it waits until somebody resumes it" in ann["push"]["warnings"]

    # Who may not see queues is told of none, and who may not read people of nobody's addresses.
    narrow = await api.new_key("one", ["triggers:write"])
    body = {"recipient": {"email": "cleo@example.com"}}
    reply = await api.call("POST", "/v1/workflows/code/preview", body, headers={"authorization": f"Bearer {narrow}"})
    mail = reply.json["steps"][0]
    assert (mail["outcome"], mail["to"]) == ("sent", ["cleo@example.com"])
    assert mail["warnings"] == ["only a verified address gets it: whether this one is, for email, was not looked up"]
    assert "paused" not in str(reply.json)
    async with api.pool.acquire() as connection:
        await limits.lift(connection, provider_pace("twilio:main"))
        await control.resume(connection, "push")


async def test_what_is_more_than_one_provider_or_a_webhook_takes(api: Api) -> None:
    ann = {"id": "ann", "phone": "+31612345678"}
    steps = await look(api, recipient=ann, payload={"order": "x" * 260_000, "text": ""}, channels=["webhook", "chat"])
    assert steps["webhook"]["size"] == {"bytes": 260_074, "most_bytes": 262_144}
    assert steps["webhook"]["warnings"] == ["its body has 260,074 bytes; of more than 262,144 none is posted"]
    assert steps["chat"]["failed"].startswith("too_large: ")
    steps = await look(api, recipient=ann, payload={"order": "x" * 262_144, "text": ""}, channels=["webhook"])
    assert steps["webhook"]["failed"] == "too_large: 262,218 bytes, where 262,144 are allowed"
    assert steps["webhook"]["content"]["type"] == "ready", "it is shown all the same"


async def test_who_is_not_there_is_said(api: Api) -> None:
    path = "/v1/workflows/ready/preview"
    assert (await api.call("POST", path, {"recipient": "nobody"})).code == "not_found"
    for action, body in (("preview", {"recipient": "ann"}), ("trigger", {"recipients": ["ann"]})):
        told = await api.call("POST", f"/v1/workflows/redy/{action}", body)
        assert (told.status, "did you mean `ready`?" in told.json["detail"]) == (404, True)
    assert (await api.call("POST", path, {"recipient": "ann"}, tenant="two")).code == "not_found"
    assert (await api.call("POST", path, {"recipient": {"topic": "all"}})).code == "unknown_field"
    assert (await api.call("POST", path, {"recipient": {"name": "Zoe"}})).status == 422


async def test_on_the_command_line(api: Api, tmp_path: Path) -> None:
    where = ("--url", f"http://127.0.0.1:{api.port}", "--api-key", api.keys["one"])
    html = tmp_path / "mail.html"
    told = ("preview", "ready", "--to", "ann", "--set", "order=7", "--set", "text=hi", "--html", html)
    shown = await clarion(*told, *where)
    assert shown.code == 0, shown.err
    assert "push: sent\n  to       d1\n  title    Order 7\n" in shown.out
    assert "  fields   Order: 7\n  buttons  Open: https://shop.example/7\n" in shown.out
    assert "sms: skipped: no address for sms\n" in shown.out
    assert html.read_text().startswith("<p>Ann</p>")
    failed = await clarion("preview", "ready", "--to", "ann", "--set", "order=7", *where)
    assert failed.code == 1
    assert "missing_variables" in failed.out


async def test_who_may_not_read_recipients_sees_none_of_them(api: Api) -> None:
    key = {"authorization": f"Bearer {await api.new_key('one', ['triggers:write'])}"}
    for recipient in ("ann", {"id": "ann"}):
        body = {"recipient": recipient, "payload": PAYLOAD}
        refused = await api.call("POST", "/v1/workflows/ready/preview", body, headers=key)
        assert (refused.status, refused.code) == (403, "forbidden")
    described = {"recipient": {"email": "new@example.com"}, "payload": PAYLOAD}
    assert (await api.call("POST", "/v1/workflows/ready/preview", described, headers=key)).status == 200
