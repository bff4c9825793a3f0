"""A house that sends text messages through two accounts, each at a fake of its own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.house import House, open_house
from tests.support.project import build
from tests.support.providers import ACCOUNT_SID, AUTH_TOKEN
from tests.support.wait import wait_until

from clarion.dev.fakes.twilio import TwilioFake

WORKFLOW = "expires_after: 1h\nattempts: 5\nbackoff: {{waits: [50ms], factor: 1}}\n{more}steps: [{{channel: sms}}]\n"
A, B = "twilio:a", "twilio:b"


@dataclass(frozen=True, kw_only=True)
class Two:
    """What runs."""

    house: House
    a: TwilioFake
    b: TwilioFake
    settings: Mapping[str, str]
    project: Path

    async def trigger(self, count: int, *, country: str = "1", first: int = 0) -> str:
        """Trigger text messages for *count* people of a *country*, the numbers in a row from *first*."""
        prefix = {"1": "+1555867", "31": "+3161234"}[country]
        people = [
            {"id": f"p{country}-{n}", "name": "Ann", "phone": f"{prefix}{n:04}"} for n in range(first, first + count)
        ]
        return await self.house.trigger({"recipients": people}, "ready")

    async def send(self, count: int, **given: Any) -> dict[str, int]:
        """Trigger them, and wait until all have ended; how many are in each status."""
        done = await self.house.finished(await self.trigger(count, **given))
        return {status: n for status, n in done["by_channel"]["sms"].items() if n}

    async def timeline(self, trigger: str) -> list[dict[str, Any]]:
        """What happened to the only message of *trigger*."""
        (message,) = (await self.house.messages(trigger)).values()
        found: list[dict[str, Any]] = (await self.house.get(message["href"]))["timeline"]
        return found

    async def breaker(self, label: str = A) -> dict[str, Any]:
        """The row of a breaker."""
        row = await self.house.api.pool.fetchrow("SELECT * FROM breaker WHERE name = $1", label)
        return dict(row) if row is not None else {"state": "closed", "probe": 0}

    async def until(self, state: str, label: str = A) -> None:
        """Wait until a breaker is in *state*."""

        async def is_there() -> bool:
            return bool((await self.breaker(label))["state"] == state)

        await wait_until(is_there, 30, f"the breaker of {label} is {state}")


@asynccontextmanager
async def two_accounts(
    database: str, folder: Path, toml: str = "", *, run: bool = True, workflow: str = "", **more: str
) -> AsyncIterator[Two]:
    """A house with accounts ``a`` and ``b``, used as *toml* says, else in this order; breakers that are quick."""
    files = {
        "clarion.toml": toml or '[sms]\nproviders = ["a", "b"]\n',
        "workflows/ready.yaml": WORKFLOW.format(more=workflow),
        "templates/ready/sms.txt": "Order {{ payload.orderId }} is ready.",
    }
    project = build(folder / "project", files)
    account = {"kind": "twilio", "account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from": "+15017122661"}
    async with AsyncExitStack() as stack:
        a, b = [
            await stack.enter_async_context(TwilioFake(account_sid=ACCOUNT_SID, auth_token=AUTH_TOKEN))
            for _ in range(2)
        ]
        settings = {
            "CLARION_PROVIDERS": json.dumps({"a": account | {"base_url": a.url}, "b": account | {"base_url": b.url}}),
            "CLARION_BREAKER_CALLS": "5",
            "CLARION_BREAKER_OPEN_FOR": "300ms",
            "CLARION_BREAKER_LONGEST": "1s",
            "CLARION_BREAKER_PROBE_FOR": "3s",
            **more,
        }
        house = await stack.enter_async_context(open_house(database, project=project, run=run, env=settings))
        yield Two(house=house, a=a, b=b, settings=settings, project=project)
