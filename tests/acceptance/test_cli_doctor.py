"""`clarion doctor` finds what is wrong, and says how to mend it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from tests.support.command import HOTEL, clarion
from tests.support.dns_server import dns_server
from tests.support.smtp_server import SmtpServer

from clarion.dev.fakes.fcm import FcmFake
from clarion.domain.schedule import Schedule
from clarion.flows import schedules
from clarion.store import tenants
from clarion.store.database import open_pool


@pytest.fixture
def settings(database: str, tmp_path: Path) -> dict[str, str]:
    """A good database and a data folder."""
    return {"CLARION_DATABASE_URL": database, "CLARION_DATA_DIR": str(tmp_path), "CLARION_PROJECT": str(HOTEL)}


async def examine(settings: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
    """The exit status, and the findings by what was looked at."""
    done = await clarion("doctor", "--json", settings=settings)
    assert "Traceback" not in done.err, done.err
    return done.code, {one["what"]: one for one in done.lines}


async def test_a_mail_server_is_greeted_and_asked_what_it_offers(settings: dict[str, str]) -> None:
    async with SmtpServer() as server:
        url = f"smtp://127.0.0.1:{server.port}"
        code, findings = await examine({**settings, "CLARION_SMTP_URL": url})
        assert code == 0
        assert findings["mail server"]["level"] == "ok"
        assert "PIPELINING, 8BITMIME, SMTPUTF8" in findings["mail server"]["says"]
        assert server.commands["EHLO"] == 1
        assert server.commands["MAIL"] == 0
        code, findings = await examine({**settings, "CLARION_SMTP_URL": f"{url}?starttls=required"})
        assert code == 1
        assert "does not offer STARTTLS" in findings["mail server"]["says"]
    async with SmtpServer(login=("me", "secret")) as server:
        url = f"smtp://me:wrong@127.0.0.1:{server.port}"
        code, findings = await examine({**settings, "CLARION_SMTP_URL": url})
        assert (code, findings["mail server"]["level"]) == (1, "fail")
    async with SmtpServer(extensions=()) as server:
        code, findings = await examine({**settings, "CLARION_SMTP_URL": f"smtp://127.0.0.1:{server.port}"})
        assert (code, findings["mail server"]["level"]) == (0, "warn")
        assert "PIPELINING" in findings["mail server"]["says"]


async def test_a_mail_server_that_is_away(settings: dict[str, str]) -> None:
    code, findings = await examine({**settings, "CLARION_SMTP_URL": "smtp://127.0.0.1:1"})
    assert code == 1
    assert "127.0.0.1:1 does not let us in" in findings["mail server"]["says"]
    assert findings["mail server"]["how"]


async def test_an_account_for_text_messages(settings: dict[str, str]) -> None:
    async with SmtpServer() as there:
        table = {"kind": "twilio", "account_sid": "AC" + "0" * 32, "auth_token": "c0ffee" * 5 + "ab", "from": "Shop"}
        account = {"CLARION_PROVIDERS": json.dumps({"main": table | {"base_url": f"http://127.0.0.1:{there.port}"}})}
        _, findings = await examine(settings | account)
        assert findings["sms"]["level"] == "warn"
        assert "public_url" in findings["sms"]["says"]
        _, findings = await examine(settings | account | {"CLARION_PUBLIC_URL": "https://notify.example"})
        assert findings["sms"]["level"] == "ok"
        assert "https://notify.example/v1/callbacks/twilio/main" in findings["sms"]["says"]
    _, findings = await examine(settings | account)
    assert "cannot be reached" in findings["sms"]["says"]
    assert "sms" not in (await examine(settings))[1]


async def test_an_account_for_push_messages_tells_nothing_later(settings: dict[str, str]) -> None:
    async with FcmFake() as fcm:
        table = {"kind": "fcm", "service_account": fcm.service_account, "base_url": fcm.url}
        account = {"CLARION_PROVIDERS": json.dumps({"phones": table})}
        _, findings = await examine(settings | account)
    assert (findings["push"]["level"], findings["push"]["says"]) == ("ok", "phones (fcm) answers")
    _, findings = await examine(settings | account)
    assert "cannot be reached" in findings["push"]["says"]


async def test_an_account_for_mail(settings: dict[str, str]) -> None:
    async with SmtpServer() as there:
        table = {"kind": "mailgun", "domain": "mg.shop.example", "api_key": "c0ffee" * 5, "signing_key": "c0ffee" * 5}
        url = f"http://127.0.0.1:{there.port}"
        account = {
            "CLARION_PROVIDERS": json.dumps({"main": table | {"base_url": url}}),
            "CLARION_EMAIL_PROVIDER": "main",
        }
        _, findings = await examine(settings | account | {"CLARION_PUBLIC_URL": "https://notify.example"})
        assert findings["email"]["level"] == "ok"
        assert "https://notify.example/v1/callbacks/mailgun/main" in findings["email"]["says"]
        assert "mail server" not in findings
    _, findings = await examine(settings | account)
    assert "cannot be reached" in findings["email"]["says"]


async def test_a_database_that_is_away_or_not_migrated(empty_database: str, settings: dict[str, str]) -> None:
    code, findings = await examine({**settings, "CLARION_DATABASE_URL": "postgresql://127.0.0.1:1/x"})
    assert (code, findings["database"]["level"]) == (1, "fail")
    assert "sender" in findings  # it goes on
    code, findings = await examine({**settings, "CLARION_DATABASE_URL": empty_database})
    assert (code, findings["migrations"]["level"]) == (1, "fail")
    assert "clarion migrate" in findings["migrations"]["how"]


async def test_a_database_that_would_lose_what_it_acknowledged(settings: dict[str, str]) -> None:
    connection = await asyncpg.connect(settings["CLARION_DATABASE_URL"])
    try:
        name = await connection.fetchval("SELECT current_database()")
        await connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    finally:
        await connection.close()
    code, findings = await examine(settings)
    assert (code, findings["durability"]["level"]) == (1, "fail")
    assert "synchronous_commit is off" in findings["durability"]["says"]
    code, findings = await examine({**settings, "CLARION_UNSAFE_ALLOW_FSYNC_OFF": "true"})
    assert (code, findings["durability"]["level"]) == (0, "warn")


async def test_more_connections_than_the_server_has(settings: dict[str, str]) -> None:
    code, findings = await examine({**settings, "CLARION_WORKER_PROCESSES": "20"})
    assert (code, findings["connections"]["level"]) == (0, "warn")
    assert "191 of 100" in findings["connections"]["says"]


async def test_folders_that_cannot_be_used(settings: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    code, findings = await examine({**settings, "CLARION_DATA_DIR": str(file / "data")})
    assert (code, findings["data folder"]["level"]) == (1, "fail")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    code, findings = await examine({**settings, "CLARION_DATA_DIR": str(shared)})
    assert (code, findings["data folder"]["level"]) == (0, "warn")
    project = tmp_path / "project"
    (project / "workflows").mkdir(parents=True)
    (project / "workflows" / "hello.yaml").write_text("key: hello\n")
    code, findings = await examine({**settings, "CLARION_PROJECT": str(project)})
    assert (code, findings["project"]["level"]) == (1, "fail")
    assert findings["sender"]["level"] == "warn"


async def test_schedules_that_nobody_is_there_for(settings: dict[str, str]) -> None:
    given = Schedule(key="report", cron="@daily", actions=[{"trigger": {"workflow": "w"}}])
    pool = await open_pool(settings["CLARION_DATABASE_URL"], size=1, statement_timeout_s=5, application_name="tests")
    async with pool, pool.acquire() as connection:
        assert (await examine(settings))[1]["schedules"]["level"] == "ok"
        async with connection.transaction():
            tenant = await tenants.ensure(connection, "default")
            await schedules.put(connection, tenant, [given], origin="api")
        told = (await examine(settings))[1]["schedules"]
        assert (told["level"], told["says"]) == ("warn", "1 will not run: no worker is there for them")
        async with connection.transaction():
            await schedules.pause(connection, tenant, "report")
        assert (await examine(settings))[1]["schedules"]["level"] == "ok"


async def test_dns_is_asked_what_receivers_will_ask(settings: dict[str, str]) -> None:
    domain = "shop-of-tests.com"
    records = {
        domain: {"TXT": ['"v=spf1 ip4:198.51.100.7 -all"']},
        f"_dmarc.{domain}": {"TXT": ['"v=DMARC1; p=reject"']},
    }
    async with SmtpServer() as server, dns_server(records) as names:
        given = {
            **settings,
            "CLARION_SMTP_URL": f"smtp://127.0.0.1:{server.port}",
            "CLARION_EMAIL_FROM": f"orders@{domain}",
            "CLARION_EMAIL_FROM_DOMAINS": domain,
        }
        done = await clarion("doctor", "--json", "--nameserver", names.address, settings=given)
    found = {one["what"]: one for one in done.lines}
    assert done.code == 0, done.err
    assert {what: one["level"] for what, one in found.items() if domain in what} == {
        **{f"SPF of {domain}": "ok", f"DKIM of {domain}": "warn"},
        **{f"DMARC of {domain}": "ok", f"From {domain}": "ok"},
    }
    assert f"clarion dkim create {domain}" in found[f"DKIM of {domain}"]["how"]
