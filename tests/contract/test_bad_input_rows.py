"""Bad input to the channels, on one running system: refused when it is said, or failed before any provider is asked.

Each row is a request as a user makes it, or a message as a template makes it, and the answer that was promised. (What
webhooks and those who receive them may say is in `webhooks/test_guard.py`.)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from tests.support.api import SECRET
from tests.support.callbacks import PATH, URL, Signed, signature
from tests.support.command import clarion
from tests.support.house import House, open_house
from tests.support.http import Connection, Reply, request
from tests.support.postgres import Databases
from tests.support.project import build

from clarion import ids
from clarion.domain.unsubscribe import Link, Links

ADDRESS = "https://notify.example"
WORKFLOWS = {
    "mail": ("email.txt", "---\nsubject: '{{ payload.subject }}'\n---\n{{ payload.text }}\n"),
    "many": ("email.txt", "---\nsubject: s\n---\n{% for line in payload.lines %}{{ payload.text }}{% endfor %}\n"),
    "sms": ("sms.txt", "{{ payload.text }}"),
    "push": ("push.txt", "---\ntitle: t\n---\n{{ payload.text }}"),
}
FILES = {
    **{
        f"workflows/{key}.yaml": f"category: news\nsteps: [{{channel: {file.partition('.')[0]}}}]\n"
        for key, (file, _) in WORKFLOWS.items()
    },
    **{f"templates/{key}/{file}": words for key, (file, words) in WORKFLOWS.items()},
}


@pytest.fixture(scope="module")
async def house(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    env = {"CLARION_PUBLIC_URL": ADDRESS, "CLARION_SECRET": SECRET.decode()}
    services = {
        "integrations": {("test", "main"): Signed(b"the secret of main")},
        "public_url": URL,
        "old_secrets": [b"a secret of before, which opens still"],
    }
    project, without_utf8 = build(tmp_path_factory.mktemp("bad"), FILES), ("PIPELINING", "8BITMIME")
    async with databases.migrated() as url:
        house = open_house(url, project=project, env=env, services=services, extensions=without_utf8)
        async with house as running:
            phone = {"email": "ann@example.com", "phone": "+31612345678"}
            await running.put("/v1/recipients/ann", phone)
            await running.put("/v1/recipients/ann/devices/phone", {"token": "cRA0mXyFQ-Sg:APA91bHun4MxP5egoKMwt2KZF"})
            yield running
            await running.check()


@pytest.fixture(autouse=True)
async def nothing_is_sent(house: House) -> AsyncIterator[None]:
    """Whatever a test asks for, no mail goes out but those it names."""
    house.smtp.accepted.clear()
    yield


async def _trigger(house: House, *recipients: object, workflow: str = "mail") -> Reply:
    body = {"recipients": list(recipients), "payload": {"subject": "s", "text": "t"}}
    return await house.api.call("POST", f"/v1/workflows/{workflow}/trigger", body)


async def _rows(house: House) -> tuple[int, ...]:
    names = ("recipient", "trigger", "message", "job", "suppression", "callback_seen")
    return tuple([await house.api.pool.fetchval(f"SELECT count(*) FROM {name}") for name in names])


BAD_ADDRESSES = {
    "31, a header in it": "a@b.example\r\nBcc: x@y.example",
    "31, only a line feed": "a@b.example\nBcc: x@y.example",
    "32, a name with a header": '"a\r\nX: y" <a@b.example>',
    "32, a name at all": "Ann <a@b.example>",
    "35, two of them": "a@b.example,c@d.example",
    "35, two with a semicolon": "a@b.example; c@d.example",
    "35, a group": "friends: a@b.example, c@d.example;",
    "37, 65 octets before the @": "l" * 65 + "@b.example",
    "37, 255 octets in all": "a@" + ".".join(["d" * 60] * 5) + ".example",
    "37, a dot at its end": "a@b.example.",
    "37, an address of a machine": "a@[192.0.2.1]",
    "37, one without brackets": "a@192.0.2.1",
    "37, nothing before the @": "@b.example",
    "37, U+2028": "a\u2028@b.example",
}


@pytest.mark.parametrize("address", BAD_ADDRESSES.values(), ids=BAD_ADDRESSES)
async def test_31_32_35_37_what_is_no_address_is_refused_everywhere(house: House, address: str) -> None:
    before = await _rows(house)
    for pointer, reply in (
        ("/recipients/0/email", await _trigger(house, {"email": address})),
        ("/recipients/1/email", await _trigger(house, "ann", {"id": "x", "email": address})),
        ("/email", await house.api.call("PUT", "/v1/recipients/x", {"email": address})),
    ):
        assert (reply.status, reply.code, reply.pointers) == (422, "invalid_email", [pointer]), reply
    bulk = await house.api.call("POST", "/v1/recipients/bulk", {"recipients": [{"id": "x", "email": address}]})
    assert [one["status"] for one in bulk.json["results"]] == ["invalid"]
    assert await _rows(house) == before


@pytest.mark.parametrize("name", ["a\r\nX: y", "a\nb", "a\x00b", "a\u2028b", "a\x1cb", "a\x85b"])
async def test_32_a_name_with_a_line_end_is_refused(house: House, name: str) -> None:
    before = await _rows(house)
    for reply in (
        await _trigger(house, {"email": "a@b.example", "name": name}),
        await house.api.call("PUT", "/v1/recipients/x", {"name": name}),
    ):
        assert (reply.status, reply.code) == (422, "nul" if "\x00" in name else "invalid_name"), reply
    assert await _rows(house) == before


@pytest.mark.parametrize("break_", ["\r\n", "\r", "\n", "\u2028", "\u2029", "\x1c", "\x85", "\x0b"])
async def test_33_a_subject_with_a_line_end_fails_and_is_not_mended(house: House, break_: str) -> None:
    message = await _told(house, "mail", {"subject": f"Hello{break_}Bcc: x@y.example", "text": "t"})
    assert (message["status"], message["attempts"]) == ("failed", 0)
    assert message["reason"].startswith("invalid_header: ")
    assert house.smtp.accepted == []


async def _told(house: House, workflow: str, payload: object) -> Any:
    """The only message of a trigger for ann, once it has ended."""
    id = await house.trigger({"recipients": ["ann"], "payload": payload}, workflow)
    await house.finished(id)
    (message,) = (await house.get(f"/v1/messages?trigger={id}"))["items"]
    return message


async def test_33_a_subject_of_the_project_has_one_line(house: House, tmp_path: Any) -> None:
    for subject in ('"Hello\\r\\nBcc: x@y.example"', "|\n  Hello\n  Bcc: x@y.example"):
        files = {"templates/mail/email.txt": f"---\nsubject: {subject}\n---\nHello\n"}
        refused = await clarion("check", "--project", str(build(tmp_path / str(len(subject)), FILES | files)))
        assert (refused.code, "`subject`: it must be one line" in refused.out + refused.err) == (1, True), refused


async def test_34_no_header_can_be_named_by_anybody(house: House, tmp_path: Any) -> None:
    """No request and no file has a place for one; where a body or a step names one, that is told."""
    for name in ("X-A\r\nBcc", "bcc", "DKIM-Signature", "Return-Path", "Content-Type"):
        for body in ({"email": "a@b.example", "headers": {name: "x"}}, {"email": "a@b.example", name: "x"}):
            reply = await _trigger(house, body)
            assert (reply.status, reply.code) == (422, "unknown_field"), reply
        step = json.dumps({"channel": "email", "headers": {name: "x"}})
        project = build(tmp_path / str(len(name)), FILES | {"workflows/mail.yaml": f"steps: [{step}]\n"})
        refused = await clarion("check", "--project", str(project))
        assert (refused.code, "unknown key `headers`" in refused.out + refused.err) == (1, True), refused


async def test_36_an_international_address_needs_a_server_that_takes_it(house: House) -> None:
    plain, eai = (
        await _trigger(house, {"email": "joerg@exämple.de"}),
        await _trigger(house, {"email": "jörg@exämple.de"}),
    )
    assert (plain.status, eai.status) == (202, 202)
    for reply, status in ((plain, "sent"), (eai, "failed")):
        await house.finished(reply.json["id"])
        (message,) = (await house.get(f"/v1/messages?trigger={reply.json['id']}"))["items"]
        assert message["status"] == status, message
    assert message["reason"].startswith("smtputf8_unsupported: ")
    assert [one.recipient for one in house.smtp.accepted] == ["joerg@xn--exmple-cua.de"]


@pytest.mark.parametrize(
    "number", ["0612345678", "+31 6 ABCDEFGH", "+1 900 555 0100", "+", "+999123456789", "+31", "tel:+31612345678"]
)
async def test_38_what_is_no_number_of_a_person_is_refused(house: House, number: str) -> None:
    before = await _rows(house)
    for pointer, reply in (
        ("/recipients/0/phone", await _trigger(house, {"phone": number}, workflow="sms")),
        ("/phone", await house.api.call("PUT", "/v1/recipients/x", {"phone": number})),
    ):
        assert (reply.status, reply.code, reply.pointers) == (422, "invalid_phone", [pointer]), reply
    assert await _rows(house) == before


async def test_39_more_than_a_thousand_are_a_topic(house: House) -> None:
    before = await _rows(house)
    reply = await _trigger(house, *(f"p{n}" for n in range(1_001)))
    assert (reply.status, reply.code, reply.pointers) == (422, "too_many", ["/recipients"]), reply
    assert "topic" in reply.json["errors"][0]["detail"]
    async with await Connection.open(house.api.port) as connection:  # a million: not one octet of it is read
        head = {"content-type": "application/json", "content-length": str(9_000_000)}
        await connection.say(request("POST", "/v1/workflows/mail/trigger", headers=head))
        assert (await connection.hear()).status == 413
    assert await _rows(house) == before


async def test_40_two_spellings_of_one_address_are_one_recipient(house: House) -> None:
    """Letter case alone: dots and tags are one provider's custom, and other people elsewhere."""
    reply = await _trigger(
        house, *({"email": text} for text in ("Eva@Example.com", "eva@example.COM", " e.va@example.com ".strip()))
    )
    assert (reply.status, reply.json["duplicates"]) == (202, 1), reply
    await house.finished(reply.json["id"])
    assert len(house.smtp.accepted) == 2


TOO_LARGE = {
    "a mail of 60 MB": ("many", {"text": "x" * 200_000, "lines": [0] * 300}),
    "an SMS of 5,000 characters": ("sms", {"text": "x" * 5_000}),
    "an SMS of 11 segments": ("sms", {"text": "ж" * 671}),
    "a push message of 10 kB": ("push", {"text": "x" * 10_000}),
}


@pytest.mark.parametrize(("workflow", "payload"), TOO_LARGE.values(), ids=TOO_LARGE)
async def test_49_what_is_too_large_fails_before_any_provider(house: House, workflow: str, payload: object) -> None:
    message = await _told(house, workflow, payload)
    assert (message["status"], message["attempts"]) == ("failed", 0)
    assert message["reason"].partition(":")[0] in ("too_large", "resource_limit"), message
    assert house.smtp.accepted == []


async def test_64_65_a_callback_is_believed_once_and_only_when_it_is_genuine(house: House) -> None:
    unknown = {"message": ids.new().hex, "id": "SM1", "status": "delivered"}
    body = json.dumps([unknown]).encode()
    before = await _rows(house)
    for headers in ({}, {"x-signature": "1,x"}, signature(body, secret=b"guessed"), signature(body, age_s=301)):
        reply = await house.api.call("POST", PATH, raw=body, headers=headers)
        assert (reply.status, reply.code) == (403, "forged")
    assert (await house.api.call("POST", PATH, raw=body + b" ", headers=signature(body))).status == 403
    assert await _rows(house) == before
    for _ in range(2):  # of a message that nobody knows, and the same again
        reply = await house.api.call("POST", PATH, raw=body, headers=signature(body))
        assert (reply.status, reply.body) == (200, b"")
    assert await house.api.pool.fetchval("SELECT count(*) FROM message_event WHERE kind = 'delivered'") == 0


async def test_69_70_a_link_to_unsubscribe_does_what_it_says_when_it_is_posted(house: House) -> None:
    link = Link(tenant_id=house.api.tenants["one"], channel="email", address="zoe@example.com", category="news")
    token = Links(SECRET).token(link)
    before = await _rows(house)
    assert (await house.api.call("GET", f"/u/{token}")).status == 200
    assert await _rows(house) == before, "who only looks, such as a scanner, changes nothing"
    tampered = (
        token[:-1] + ("A" if token[-1] != "A" else "B"),
        token[:20] + token[21:],
        Links(b"guessed" * 6).token(link),
    )
    for wrong in (*tampered, "x", "%00"):
        for method in ("GET", "POST"):
            reply = await house.api.call(method, f"/u/{wrong}", raw=None if method == "GET" else b"", headers=FORM)
            assert reply.status == 404, wrong
            assert reply.headers["content-type"].startswith("text/html"), "a page"
    assert await _rows(house) == before
    old = Links(b"a secret of before, which opens still").token(replace(link, category="offers"))
    for each in (token, old):
        reply = await house.api.call(
            "POST", f"/u/{each}", raw=urlencode({"List-Unsubscribe": "One-Click"}).encode(), headers=FORM
        )
        assert reply.status == 200
    found = await house.api.pool.fetch(
        "SELECT category FROM suppression WHERE mailbox = 'zoe@example.com' ORDER BY category"
    )
    assert [row["category"] for row in found] == ["news", "offers"], "of each list that a link names, and no other"
    for workflow, expected in (("mail", "skipped"),):
        reply = await _trigger(house, {"email": "ZOE@example.com"}, workflow=workflow)
        done = await house.finished(reply.json["id"])
        assert done["messages"][expected] == 1


FORM = {"content-type": "application/x-www-form-urlencoded"}


BAD_CREDENTIALS = {
    "a line break": (
        'kind = "twilio"',
        'account_sid = "AC0123456789abcdef0123456789abcdef"',
        'auth_token = "0123456789abcdef\\n0123456789abcdef"',
    ),
    "another shape": ('kind = "twilio"', 'account_sid = "SK5ecre7"', 'auth_token = "5ecre7"'),
    "a million octets": ('kind = "fcm"', f'service_account = "{"5ecre7" * 170_000}"'),
    "a million octets in a file": ('kind = "fcm"', 'service_account_file = "key.json"'),
}


@pytest.mark.parametrize("lines", BAD_CREDENTIALS.values(), ids=BAD_CREDENTIALS)
async def test_71_credentials_that_are_none_are_refused_when_they_are_read(
    tmp_path: Any, lines: tuple[str, ...]
) -> None:
    (tmp_path / "key.json").write_text("5ecre7" * 170_000)
    text = "[providers.main]\n" + "\n".join(lines) + '\nfrom = "+15005550006"\n' * ("twilio" in lines[0])
    project = build(tmp_path / "p", {"clarion.toml": text.replace("key.json", str(tmp_path / "key.json"))})
    refused = await clarion("check", "--project", str(project))
    said = refused.out + refused.err
    assert refused.code == 1, refused
    assert "providers.main" in said or "main:" in said or "it is larger than 512 KiB" in said, said
    assert "5ecre7" not in said, "what is wrong is said, and not what the secret is"
    assert len(said) < 5_000
