"""One message through an account, now: on every channel, and what its provider says of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.support.api import Api, open_api
from tests.support.project import build
from tests.support.smtp_server import SmtpServer

from clarion.channels.open_provider import open_provider
from clarion.config import load_settings
from clarion.connections import carriers_of, smtp_server_of
from clarion.dev.fakes.chats import ACCOUNTS, ChatsFake
from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.mailgun import MailgunFake
from clarion.dev.fakes.pushes import PushesFake
from clarion.dev.fakes.twilio import TwilioFake
from clarion.domain.scope import Scope
from clarion.flows.apply import apply
from clarion.flows.rates import provider_pace
from clarion.project.load import load_project
from clarion.project.providers import read_accounts
from clarion.queue import limits
from clarion.trial import opening

TWILIO: Any = {"account_sid": "AC" + "0" * 32, "auth_token": "1" * 32}
MAIL: Any = {"domain": "hotel.example", "api_key": "key-" + "2" * 32, "signing_key": "3" * 32}


@pytest.fixture
async def fakes() -> AsyncIterator[dict[str, Any]]:
    async with TwilioFake(**TWILIO) as sms, MailgunFake(**MAIL) as mail, PushesFake() as push, ChatsFake() as chat:
        yield {"sms": sms, "mail": mail, "push": push, "chat": chat}


@pytest.fixture
async def api(database: str, fakes: dict[str, Any], tmp_path: Path) -> AsyncIterator[Api]:
    tables: dict[str, dict[str, str]] = {
        "mail": {"kind": "mailgun", "base_url": fakes["mail"].url, **MAIL},
        "sms": {"kind": "twilio", "base_url": fakes["sms"].url, "from": "+15017122661", **TWILIO},
        **{kind: {"kind": kind, **table} for kind, table in fakes["push"].accounts.items()},
        **{kind: {"kind": kind, "base_url": fakes["chat"].url, **table} for kind, table in ACCOUNTS.items()},
    }
    accounts = read_accounts(tables)
    given: dict[str, Any] = {"accounts": accounts, "sender": "Hotel <stay@hotel.example>"}
    given["open_account"] = lambda account: open_provider(
        account.kind.channel, account, from_domains=frozenset({"hotel.example"})
    )
    project, mistakes = load_project(build(tmp_path / "project", {}))
    assert project is not None, mistakes
    async with open_api(database, **given) as api:
        async with api.pool.acquire() as connection:
            await apply(connection, api.tenants["one"], project.workflows)
        yield api


async def test_each_account_is_tried_and_what_it_says_is_told(api: Api, fakes: dict[str, Any]) -> None:
    places = {"mail": "ann@shop.example", "sms": "+31612345678", **fakes["push"].tokens, "telegram": "-1001"}
    places |= dict.fromkeys(("slack", "discord", "teams"), "")
    for name, to in places.items():
        reply = await api.call("POST", f"/v1/providers/{name}/test", {"to": to})
        assert reply.status == 200 and reply.json["ok"], (name, reply.body)
        assert reply.json["provider_message_id"] or name == "teams", name
    assert [one.to for one in fakes["mail"].taken] == ["ann@shop.example"]
    assert [one.body for one in fakes["sms"].taken] == [
        "This is a test of the account sms. Nobody needs to do anything."
    ]
    assert {one.provider for one in fakes["push"].taken} == set(fakes["push"].tokens)
    assert {one.provider for one in fakes["chat"].taken} == set(ACCOUNTS)
    assert await api.pool.fetchval("SELECT count(*) FROM message") == 0


async def test_it_may_have_the_words_of_a_workflow(api: Api, fakes: dict[str, Any]) -> None:
    test = partial(api.call, "POST", "/v1/providers/mail/test")
    reply = await test({"to": "me@shop.example", "workflow": "hello", "recipient": {"name": "Ann <b>"}})
    assert reply.status == 200 and reply.json["ok"], reply.body
    (mail,) = fakes["mail"].taken
    assert mail.to == "me@shop.example" and "Hello Ann &lt;b&gt;" in str(mail)
    missing = await test({"to": "me@shop.example", "workflow": "hello"})
    assert missing.status == 422 and "recipient.name" in missing.json["errors"][0]["detail"]
    assert (await test({"to": "me@shop.example", "workflow": "none"})).status == 404
    no_step = await api.call("POST", "/v1/providers/sms/test", {"to": "+31612345678", "workflow": "hello"})
    assert no_step.status == 422, no_step.body


async def test_what_a_provider_refuses_is_told_without_its_secrets(api: Api, fakes: dict[str, Any]) -> None:
    said = f'{{"code": 20003, "message": "no such token {TWILIO["auth_token"]}", "status": 401}}'
    fakes["sms"].faults.add(Fault(how=How.ANSWER, status=500, body=said))
    reply = await api.call("POST", "/v1/providers/sms/test", {"to": "+31612345678"})
    assert reply.status == 200 and not reply.json["ok"] and "500" in reply.json["reason"]
    assert TWILIO["auth_token"] not in reply.body.decode() and TWILIO["auth_token"] not in str(reply.json)


@pytest.mark.parametrize(
    ("name", "to"), [("mail", "nobody"), ("mail", "a@b.example\r\nBcc: x@y.example"), ("sms", "12"), ("apns", "zz")]
)
async def test_a_place_that_is_none_is_refused(api: Api, name: str, to: str) -> None:
    reply = await api.call("POST", f"/v1/providers/{name}/test", {"to": to})
    assert reply.status == 422 and reply.json["errors"][0]["pointer"] == "/to", reply.body


async def test_only_who_runs_the_installation_may(api: Api) -> None:
    key = await api.new_key("one", [Scope.TRIGGERS_WRITE])
    headers = {"authorization": f"Bearer {key}"}
    reply = await api.call("POST", "/v1/providers/mail/test", {"to": "ann@shop.example"}, headers=headers)
    assert reply.status == 403
    assert (await api.call("POST", "/v1/providers/none/test", {"to": "x"})).status == 404


async def test_the_smtp_server_is_an_account_where_it_carries_mail(database: str, tmp_path: Path) -> None:
    """It is called `smtp`: listed, tried, and paused by the name under which workers limit it."""
    project = build(tmp_path / "project", {})
    async with SmtpServer() as smtp:
        env = {"CLARION_SMTP_URL": f"smtp://127.0.0.1:{smtp.port}"}
        settings = load_settings({"project": project}, env)
        (server,) = smtp_server_of(settings)
        given: dict[str, Any] = {"accounts": [server], "open_account": opening(settings)}
        async with open_api(database, **given, sender="Hotel <stay@hotel.example>") as api:
            reply = await api.call("POST", "/v1/providers/smtp/test", {"to": "ann@shop.example"})
            assert reply.status == 200 and reply.json["ok"] and reply.json["provider_message_id"], reply.body
            assert smtp.recipients() == ["ann@shop.example"]
            (listed,) = (await api.call("GET", "/v1/providers")).json["items"]
            assert (listed["name"], listed["kind"], listed["state"]) == ("smtp", "smtp", "well")
            assert (await api.call("POST", "/v1/providers/smtp/pause")).json["state"] == "paused"
            paces = [provider_pace(label) for label in carriers_of(settings)["email"]]
            assert list(await limits.paused(api.pool, paces)) == paces  # type: ignore[arg-type]
    account = {"kind": "smtp", "url": "smtp://127.0.0.1:1"}
    for others in (
        {"CLARION_PROVIDERS": json.dumps({"smtp": account})},  # the name is an account's own
        {"CLARION_PROVIDERS": json.dumps({"mail": account}), "CLARION_EMAIL_PROVIDER": "mail"},  # it carries nothing
    ):
        assert smtp_server_of(load_settings({"project": project}, env | others)) == ()
