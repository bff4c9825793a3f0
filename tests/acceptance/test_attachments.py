"""Files with mails, whole: uploaded or fetched, once for all mails of a trigger, and what becomes of mails without."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from tests.support.endpoint import EndpointServer, cut, status
from tests.support.house import House, open_house
from tests.support.project import build
from tests.support.wait import wait_until

from clarion.domain.attachment import Rules
from clarion.http.url_guard import UrlGuard

PDF, PNG = b"%PDF-1.7 " + bytes(range(256)) * 100, b"\x89PNG" + bytes(range(256))
HERE = "127.0.0.0/8"
FILES = {
    "workflows/invoice.yaml": "expires_after: 1h\nbackoff: {waits: [50ms]}\nattempts: 3\nsteps: [{channel: email}]\n",
    "templates/invoice/email.html": "---\nsubject: Invoice\n---\n<img src='cid:logo'>Dear {{ recipient.name }}\n",
    "workflows/terms.yaml": "steps:\n  - channel: email\n    template: email\n    attachments:\n"
    '      - url: "http://127.0.0.1:{{ payload.port }}/{{ payload.orderId }}.pdf"\n'
    '        name: "Order {{ payload.orderId }}.pdf"\n',
    "templates/terms/email.txt": "---\nsubject: Terms\n---\nSee the file.\n",
    "clarion.toml": '[email]\nfrom = "Shop <shop@shop.example>"\n',
}
ENV = {"CLARION_ATTACHMENTS_ALLOWED_HOSTS": "127.0.0.1", "CLARION_ATTACHMENTS_ALLOW_NETWORKS": HERE}
SERVICES = {
    "attachments": Rules(hosts=["127.0.0.1"]),
    "attachment_guard": UrlGuard([ip_network(HERE)]),
}
PEOPLE = range(250)
GUESTS = [{"id": f"guest{n}", "name": f"Ann {n}", "email": f"guest{n}@x.example"} for n in PEOPLE]


@pytest.fixture
async def house(database: str, tmp_path: Path) -> AsyncIterator[House]:
    limited = ENV | {"CLARION_ATTACHMENTS_LARGEST": "100000"}
    project = build(tmp_path / "project", FILES)
    async with open_house(database, project=project, env=limited, services=SERVICES, keep_data=True) as house:
        yield house


@pytest.fixture
async def files() -> AsyncIterator[EndpointServer]:
    async with EndpointServer(answer=status(200, "content-type: application/pdf", body=PDF)) as server:
        yield server


async def upload(house: House, name: str, content: bytes, kind: str) -> str:
    reply = await house.api.call("POST", f"/v1/attachments?name={name}", raw=content, headers={"content-type": kind})
    assert reply.status in (200, 201), reply
    return str(reply.json["id"])


async def reasons(house: House, trigger: str) -> set[tuple[str, str]]:
    return {(one["status"], one["reason"]) for one in (await house.messages(trigger)).values()}


def parts(data: bytes) -> list[tuple[str, str | None, bytes]]:
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    leaves = [part for part in message.walk() if not part.is_multipart()][2:]
    return [(part.get_content_type(), part.get_filename(), part.get_content()) for part in leaves]


async def test_all_mails_of_a_trigger_have_its_files_and_each_is_fetched_once(
    house: House, files: EndpointServer
) -> None:
    logo = await upload(house, "logo.png", PNG, "image/png")
    assert logo == f"att_{hashlib.sha256(PNG).hexdigest()}"
    url = f"http://127.0.0.1:{files.port}/invoices/Rechnung%20M%C3%BCller.pdf?token=1"
    named: list[dict[str, Any]] = [{"id": logo, "inline": "logo"}, {"url": url}]
    trigger = await house.trigger({"recipients": GUESTS, "attachments": named}, "invoice")
    done = await house.finished(trigger)
    assert done["by_channel"]["email"]["sent"] == len(GUESTS)
    assert [one["name"] for one in done["attachments"]] == ["logo.png", "Rechnung Müller.pdf"]
    assert len(house.smtp.accepted) == len(GUESTS)
    expected = [("image/png", "logo.png", PNG), ("application/pdf", "Rechnung Müller.pdf", PDF)]
    for taken in house.smtp.accepted:
        assert parts(taken.data) == expected
    assert len(files.posted) == 1
    assert files.posted[0].line == "GET /invoices/Rechnung%20M%C3%BCller.pdf?token=1 HTTP/1.1"
    plain = await house.trigger({"recipients": GUESTS[:1]}, "invoice")
    await house.finished(plain)
    data = house.smtp.accepted[-1].data
    assert parts(data) == []
    message = message_from_bytes(data, policy=policy.default)
    assert (message["feedback-id"], message["auto-submitted"]) == ("invoice:clarion", "auto-generated")
    assert str(message["message-id"]).endswith("@shop.example>")
    await house.check()


async def test_a_step_names_files_by_what_has_happened(house: House, files: EndpointServer) -> None:
    payload = {"port": files.port, "orderId": "77"}
    await house.finished(await house.trigger({"recipients": GUESTS[:3], "payload": payload}, "terms"))
    assert [posted.line for posted in files.posted] == ["GET /77.pdf HTTP/1.1"]
    assert len(house.smtp.accepted) == 3
    message = message_from_bytes(house.smtp.accepted[0].data, policy=policy.default)
    assert [part.get_filename() for part in message.walk() if part.get_filename()] == ["Order 77.pdf"]
    trigger = await house.trigger({"recipients": GUESTS[:1], "payload": {"port": 1}}, "terms")
    await house.finished(trigger)
    ((status, reason),) = await reasons(house, trigger)
    assert (status, "payload.orderId" in reason) == ("failed", True), reason


async def test_what_a_timer_triggers_has_files(house: House, files: EndpointServer) -> None:
    logo = await upload(house, "logo.png", PNG, "image/png")
    action = {"workflow": "invoice", "recipients": GUESTS[:2], "payload": {"name": "x"}}
    url = f"http://127.0.0.1:{files.port}/a.pdf"
    for wrong, code in (([{"url": "http://127.0.0.2/a.pdf"}], "url_not_allowed"), ([{}], "missing")):
        body = {"in": "1ms", "actions": [{"trigger": {**action, "attachments": wrong}}]}
        refused = await house.api.call("PUT", "/v1/timers/files", body)
        assert (refused.status, refused.code) == (422, code), refused
    named = [{"id": logo, "inline": "logo"}, {"url": url, "name": "Terms.pdf"}]
    body = {"in": "1ms", "actions": [{"trigger": {**action, "attachments": named}}]}
    assert (await house.api.call("PUT", "/v1/timers/files", body)).status == 201
    await wait_until(lambda: len(house.smtp.accepted) == 2, 30, "the mails of what the timer triggered")
    for taken in house.smtp.accepted:
        assert parts(taken.data) == [("image/png", "logo.png", PNG), ("application/pdf", "Terms.pdf", PDF)]
    await house.check()


async def test_what_cannot_be_had_just_now_is_asked_for_again(house: House, files: EndpointServer) -> None:
    good, calls = files.answer, 0

    async def unwell(posted: Any, writer: Any) -> None:
        nonlocal calls
        calls += 1
        await (cut if calls == 1 else good)(posted, writer)

    files.answer = unwell
    url = f"http://127.0.0.1:{files.port}/a.pdf"
    trigger = await house.trigger({"recipients": GUESTS[:2], "attachments": [{"url": url}]}, "invoice")
    done = await house.finished(trigger, timeout_s=60)
    assert done["by_channel"]["email"]["sent"] == 2
    assert calls == 2
    assert parts(house.smtp.accepted[-1].data) == [("application/pdf", "a.pdf", PDF)]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (status(404), "attachment_unavailable"),
        (status(302, "location: http://127.0.0.1:1/"), "attachment_unavailable"),
        (status(200, "content-encoding: gzip", body=b"packed"), "attachment_unavailable"),
        (status(200, body=b"x" * 100_001), "too_large"),
    ],
    ids=["not there", "redirect", "packed", "too large"],
)
async def test_mails_whose_files_cannot_be_had_are_not_sent(
    house: House, files: EndpointServer, answer: Any, code: str
) -> None:
    files.answer = answer
    url = f"http://127.0.0.1:{files.port}/a.pdf"
    trigger = await house.trigger({"recipients": GUESTS[:3], "attachments": [{"url": url}]}, "invoice")
    done = await house.finished(trigger)
    assert done["by_channel"]["email"]["failed"] == 3
    ((found, reason),) = await reasons(house, trigger)
    assert found == "failed"
    assert reason.startswith(code), reason
    assert house.smtp.accepted == []
    assert len(files.posted) == 1
