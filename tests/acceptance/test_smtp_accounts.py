"""SMTP servers as accounts: what one fails, another one or a provider carries, and nothing is sent twice for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.house import House, open_house
from tests.support.project import build
from tests.support.providers import MAIL_DOMAIN, MAIL_KEY, SIGNING_KEY
from tests.support.smtp_faults import Fault
from tests.support.smtp_server import SmtpServer
from tests.support.wait import wait_until

from clarion.dev.fakes.mailgun import MailgunFake

FILES = {
    "workflows/ready.yaml": "expires_after: 1h\nattempts: 5\nbackoff: {waits: [50ms], factor: 1}\n"
    "on_uncertain: hold\nsteps: [{channel: email}]\n",
    "templates/ready/email.txt": "---\nsubject: Order {{ payload.orderId }}\n---\nDear {{ recipient.name }}.",
}
PASSWORD = "5ecre7/pass word@"


@dataclass(frozen=True, kw_only=True)
class Post:
    """What runs: accounts ``a`` and ``b`` on SMTP servers, ``c`` at Mailgun's fake."""

    house: House
    a: SmtpServer
    b: SmtpServer
    c: MailgunFake

    async def trigger(self, count: int, *, first: int = 0) -> str:
        numbers = range(first, first + count)
        people = [{"id": f"p{n}", "name": "Ann", "email": f"guest{n}@example.com"} for n in numbers]
        return await self.house.trigger({"recipients": people}, "ready")

    async def send(self, count: int, *, first: int = 0) -> dict[str, int]:
        done = await self.house.finished(await self.trigger(count, first=first))
        return {status: n for status, n in done["by_channel"]["email"].items() if n}

    async def timeline(self, trigger: str) -> list[dict[str, Any]]:
        (message,) = (await self.house.messages(trigger)).values()
        found: list[dict[str, Any]] = (await self.house.get(message["href"]))["timeline"]
        return found


@asynccontextmanager
async def post(database: str, folder: Path, toml: str) -> AsyncIterator[Post]:
    project = build(
        folder / "project", {"clarion.toml": toml.replace("[email]", '[email]\nfrom = "a@shop.example"'), **FILES}
    )
    async with AsyncExitStack() as stack:
        a = await stack.enter_async_context(SmtpServer(login=("shop", PASSWORD)))
        b = await stack.enter_async_context(SmtpServer())
        c = await stack.enter_async_context(MailgunFake(domain=MAIL_DOMAIN, api_key=MAIL_KEY, signing_key=SIGNING_KEY))
        mailgun = {"kind": "mailgun", "domain": MAIL_DOMAIN, "api_key": MAIL_KEY, "signing_key": SIGNING_KEY}
        accounts = {
            "a": {"kind": "smtp", "url": f"smtp://shop@127.0.0.1:{a.port}?greeting_timeout=3s", "password": PASSWORD},
            "b": {"kind": "smtp", "url": f"smtp://127.0.0.1:{b.port}?connections=2"},
            "c": mailgun | {"base_url": c.url},
        }
        env = {
            "CLARION_PROVIDERS": json.dumps(accounts),
            "CLARION_BREAKER_CALLS": "5",
            "CLARION_BREAKER_OPEN_FOR": "300ms",
            "CLARION_BREAKER_SLOW": "500ms",
            "CLARION_BREAKER_LONGEST": "1s",
            "CLARION_BREAKER_PROBE_FOR": "3s",
        }
        house = await stack.enter_async_context(open_house(database, project=project, env=env))
        yield Post(house=house, a=a, b=b, c=c)


async def test_of_two_servers_one_is_away_and_comes_back(database: str, tmp_path: Path) -> None:
    async with post(database, tmp_path, '[email]\nproviders = ["a", "b"]\n') as two:
        assert await two.send(1) == {"sent": 1}
        assert (len(two.a.accepted), len(two.b.accepted)) == (1, 0), "logged in with the password beside the address"
        two.a.faults = [Fault(at="mail", do="reply", code=451, text="4.3.0 out of order")]
        assert await two.send(60, first=10) == {"sent": 60}
        assert len(set(two.b.recipients())) == len(two.b.accepted) == 60

        async def state() -> str:
            row = await two.house.api.pool.fetchrow("SELECT state FROM breaker WHERE name = 'smtp:a'")
            return str(row["state"]) if row else "closed"

        assert await state() != "closed"
        trigger = await two.trigger(1, first=100)
        await two.house.finished(trigger)
        routed = [entry for entry in await two.timeline(trigger) if entry["kind"] == "routed"]
        assert routed, "the timeline says why it went to another"
        two.a.faults = []
        first = 1_000

        async def is_well() -> bool:
            nonlocal first
            first += 1
            await two.send(1, first=first)
            return await state() == "closed"

        await wait_until(is_well, 30, "a probe found that it is well")
        taken = len(two.a.accepted)
        assert await two.send(20, first=5_000) == {"sent": 20}
        assert len(two.a.accepted) == taken + 20
        assert two.house.smtp.accepted == [], "the server of smtp_url is not asked"
        await two.house.check()


async def test_what_the_server_fails_a_provider_carries_and_doubt_goes_nowhere(database: str, tmp_path: Path) -> None:
    async with post(database, tmp_path, '[email]\nproviders = ["a", "c"]\n') as two:
        two.a.faults = [Fault(at="greeting", do="close", times=2)]
        trigger = await two.trigger(1)
        await two.house.finished(trigger)
        told = [(one["kind"], one["provider"], one["status"]) for one in await two.timeline(trigger)]
        assert told[1:] == [
            ("attempt", "smtp:a", "retryable"),
            ("failed_over", None, None),
            ("routed", None, None),
            ("attempt", "mailgun:c", "accepted"),
        ]
        assert (len(two.a.accepted), len(two.c.taken)) == (0, 1)
        two.a.faults = [Fault(at="accepted", do="reset", times=1)]
        assert await two.send(1, first=1) == {"unknown": 1}
        assert (len(two.a.accepted), len(two.c.taken)) == (1, 1)
        await two.house.check()


async def test_one_that_hangs_is_left_alone_for_being_slow_and_the_other_goes_on(database: str, tmp_path: Path) -> None:
    async with post(database, tmp_path, '[email]\nproviders = ["a", "b"]\n[rates]\nemail = "100/s"\n') as two:
        two.a.faults = [Fault(at="greeting", do="hang")]
        trigger = await two.trigger(100)

        async def opened() -> str:
            row = await two.house.api.pool.fetchrow("SELECT state, reason FROM breaker WHERE name = 'smtp:a'")
            return str(row["reason"]) if row and row["state"] != "closed" else ""

        await wait_until(opened, 20, "its breaker is open")
        assert "took longer than 0.5 s" in await opened() or "timed out" in await opened()
        done = await two.house.finished(trigger)
        assert done["by_channel"]["email"]["sent"] == 100
        assert len(set(two.b.recipients())) == len(two.b.accepted) == 100
        await two.house.check()


async def test_by_weight_each_gets_its_share(database: str, tmp_path: Path) -> None:
    toml = '[email]\n[[routes.email]]\nproviders = ["a", "b"]\nweights = [1, 3]\n'
    async with post(database, tmp_path, toml) as two:
        assert await two.send(80) == {"sent": 80}
        assert len(two.a.accepted) + len(two.b.accepted) == 80
        assert 5 <= len(two.a.accepted) <= 40
        await two.house.check()
