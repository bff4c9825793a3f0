"""Every kind of provider through a hundred bad answers and two deaths of the worker: its ledger and the database agree.

Message by message, both ways: each has words of its own, by which the ledger has it, whatever the provider calls it. A
kind joins by its case. Run by ``make torture``; ``TORTURE_SEED`` repeats a round. (Mail by SMTP: test_torture.py.)
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asyncpg import DeadlockDetectedError
from tests.support import providers
from tests.support.apprise import AppriseCase
from tests.support.chats import CHAT_CASES
from tests.support.clock import pass_time_for_jobs
from tests.support.house import House, open_house
from tests.support.project import build
from tests.support.providers import Case
from tests.support.push import PUSH_CASES
from tests.support.wait import wait_until

from clarion import clock
from clarion.app import open_worker
from clarion.channels import kinds
from clarion.channels.account import Account, Kind
from clarion.channels.base import Chat, Provider, Push
from clarion.config import Settings, load_settings
from clarion.dev.fakes.faults import Fault, How
from clarion.domain.chat import Kept
from clarion.flows.verify import verify
from clarion.http.client import Patience
from clarion.store import chats, devices

pytestmark = pytest.mark.torture

CASES: Mapping[str, type[Case]] = {**providers.CASES, **PUSH_CASES, **CHAT_CASES, "apprise": AppriseCase}
EACH = 60
PROMPT = Patience(connect=timedelta(seconds=1), total=timedelta(seconds=1))
WORDS = {
    "email": "---\nsubject: Order of {{ recipient.name }}\n---\nIt is ready, {{ recipient.name }}.",
    "sms": "It is ready, {{ recipient.name }}.",
    "chat": "It is ready, {{ recipient.name }}.",
    "push": "---\ntitle: Order\n---\nIt is ready, {{ recipient.name }}.",
}
#: A recipient is called what is found in the ledger: so each message says whose it is.
MARK = re.compile(r"\b(?:again|held)[0-9]+\b")
#: What a provider and a network may do, each as it is when the message was not taken, and when it was (PROMISES).
SPOILT = [
    *(Fault(how=how, taken=taken) for how in (How.RESET, How.CLOSE, How.HANG) for taken in (False, True)),
    *(Fault(how=How.ANSWER, status=code, taken=taken) for code in (500, 502, 504) for taken in (False, True)),
    *(Fault(how=How.ANSWER, status=code) for code in (301, 400, 401, 403, 404, 405, 409, 410, 413, 429, 503)),
    *(Fault(how=How.ANSWER, status=code, taken=True, body=body) for code in (200, 202) for body in ("", "{}", "no")),
    Fault(how=How.ANSWER, status=204, taken=True),
    *(
        Fault(how=How.ANSWER, status=429, headers={"retry-after": after})
        for after in ("1", "-5", "soon", "1000000000", "Thu, 26 Nov 2099 00:00:00 GMT")
    ),
    *(
        Fault(how=how, status=code, taken=code == 201)
        for how in (How.ENDLESS, How.HUGE, How.DRIP, How.GZIP_BOMB)
        for code in (201, 503)
    ),
    Fault(how=How.LATE, delay_s=0.3),
]
FINE = Fault(how=How.LATE)
_ENDED = "SELECT count(*) FROM message WHERE status NOT IN ('queued', 'sending')"
_MESSAGES = """
SELECT m.recipient_id, m.workflow_key, m.status, m.reason, m.possible_duplicate, m.provider_message_id,
       (SELECT array_agg(a.status ORDER BY a.number) FROM attempt a WHERE a.message_id = m.id) AS outcomes
FROM message m
"""


@pytest.mark.parametrize("kind", sorted(CASES))
async def test_ledger_and_database_agree_after_bad_days(
    kind: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = int(os.environ.get("TORTURE_SEED", random.randrange(10**6)))
    print(f"seed {seed}")
    chance, case = random.Random(seed), CASES[kind]()
    async with case.running():
        channel = _open_cases(kind, case, monkeypatch)
        project = build(tmp_path / "project", _files(channel))
        async with open_house(database, project=project, run=False) as house:
            for workflow in ("again", "held"):
                await _trigger(house, case, kind, workflow)
            spoilt = _spoilt(case)
            requests = [*spoilt, *spoilt, *(FINE for _ in range(len(spoilt)))]
            chance.shuffle(requests)
            case.faults.add(*requests)
            began = clock.monotonic()
            settings = load_settings(
                # Short lists: what is on its way when the worker dies stays unknown, and is no answer to anything.
                {"project": project, "worker.poll_interval": "50ms", "worker.lease": "3s", "worker.intent_size": 4},
                {"CLARION_PROVIDERS": json.dumps({"main": {"kind": kind}})},
            )
            for _ in range(2):
                async with _worker(settings, database):
                    await asyncio.sleep(chance.uniform(0.1, 1.0))  # and it dies, wherever it is
            async with _worker(settings, database), _hurried(house):
                await wait_until(lambda: _is_at_rest(house), 240, "all messages come to an end")
            counts = await _judge(house, case)
            done = len(requests) - case.faults.left
            counts |= {"bad answers": sum(one is not FINE for one in requests[:done]), "requests": case.fake.asked}
            print(f"{kind}: {2 * EACH} messages, {clock.monotonic() - began:.0f} s, {counts}")


def _spoilt(case: Case) -> Sequence[Fault]:
    """What may go wrong at the server of *case*: all, and its own word for no, where that comes as a success."""
    if not case.says_no_with_success:
        return SPOILT
    return [*SPOILT, *(Fault(how=How.ANSWER, status=200, body=case.error()) for _ in range(2))]


def _open_cases(kind: str, case: Case, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let accounts of this *kind*, whatever they say, be the provider of *case*; the channel that it carries."""
    ours = kinds.find_kind(kind)
    assert ours is not None

    def open_case(_: Account) -> Provider[Any]:
        with monkeypatch.context() as usual:  # the case has settings of its own
            usual.setitem(known, kind, ours)
            return case.provider(patience=PROMPT)

    known: dict[str, Kind] = kinds._OURS
    monkeypatch.setitem(known, kind, replace(ours, options=(), check=lambda _: (), open=open_case))
    return ours.channel


async def _judge(house: House, case: Case) -> dict[str, int]:
    """Hold every message against the ledger; how many came to what."""
    rows = await house.api.pool.fetch(_MESSAGES)
    table = "\n".join(sorted(f"{dict(row)}" for row in rows))
    assert len(rows) == 2 * EACH
    # A room or a device that is refused for good is everybody's: who comes later is not sent there.
    assert {row["status"] for row in rows} <= {"sent", "failed", "unknown", "skipped"}, table
    taken = Counter(found[0] if (found := MARK.search(str(one))) else "of nobody" for one in case.fake.ledger())
    assert taken.keys() <= {row["recipient_id"] for row in rows}, taken
    sent = [row["provider_message_id"] for row in rows if row["status"] == "sent"]
    assert len(sent) > EACH, table
    if case.names_messages:
        assert len(set(sent)) == len(sent), table
        assert case.is_theirs or set(sent) <= set(case.taken()), "what is sent was taken, under its id"
    for row in rows:
        # One that names nothing is believed whatever it says: also that it took what it refuses.
        lies = (case.is_theirs or not case.names_messages) and row["recipient_id"].endswith("0")
        _check(row, taken[row["recipient_id"]], believed=lies)
    async with house.api.pool.acquire() as connection:
        assert await verify(connection) == []
    counts = Counter(row["status"] for row in rows)
    twice = sum(count > 1 for count in taken.values())
    return {**counts, "labelled": sum(row["possible_duplicate"] for row in rows), "taken twice": twice}


def _check(row: Mapping[str, Any], taken: int, *, believed: bool) -> None:
    """What the database says of a message, and how often the provider has taken it."""
    said = f"taken {taken} times: {dict(row)}"
    outcomes = list(row["outcomes"] or ())
    doubts, sent = outcomes.count("uncertain"), row["status"] == "sent"
    assert not sent or taken or believed, f"lost: {said}"
    assert taken <= sent + doubts, f"nobody knows that it was taken: {said}"
    assert taken <= 1 or row["possible_duplicate"], f"an unlabelled duplicate: {said}"
    doubtful = "uncertain" in outcomes[:-1]
    if row["workflow_key"] == "held":
        assert not doubtful, f"it was tried again although nobody could know: {said}"
        assert row["status"] != "unknown" or outcomes[-1:] == ["uncertain"], said
    else:
        assert row["possible_duplicate"] or not doubtful, f"it may have come twice, and does not say so: {said}"


async def _trigger(house: House, case: Case, kind: str, workflow: str) -> None:
    """Trigger *workflow* for `EACH`, one in ten of whom the provider refuses for good."""
    people: list[Any] = []
    for number in range(EACH):
        id = f"{workflow}{number}"
        item = case.item(refused=number % 10 == 0)
        if isinstance(item, Push | Chat):
            await house.put(f"/v1/recipients/{id}", {"name": id})
            async with house.api.pool.acquire() as connection, connection.transaction():
                tenant = house.api.tenants["one"]
                if isinstance(item, Chat):
                    await chats.put(connection, tenant, id, "room", provider=kind, account=None, kept=Kept(item.to))
                else:
                    await devices.put(connection, tenant, id, "phone", provider=kind, token=item.to, platform=None)
            people.append(id)
        else:
            to = item.to if number % 10 == 0 else _own(item.to, id, number)
            people.append({"id": id, "name": id, "phone" if to.startswith("+") else "email": to})
    await house.trigger({"recipients": people}, workflow)


def _own(address: str, id: str, number: int) -> str:
    """An address like *address* that is this recipient's alone: whoever is refused for good is refused alone."""
    if address.startswith("+"):
        return f"{address[:-3]}{number + (EACH if id.startswith('held') else 0):03}"
    return f"{id}@{address.partition('@')[2]}"


@asynccontextmanager
async def _worker(settings: Settings, url: str) -> AsyncIterator[None]:
    """A worker that is cut off in the middle of what it does when the block ends."""
    async with open_worker(settings, url) as worker:
        running = asyncio.create_task(worker.run(asyncio.Event(), timedelta(seconds=5)))
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


@asynccontextmanager
async def _hurried(house: House) -> AsyncIterator[None]:
    """Nothing waits longer than a moment: not for its next try, not for a pause or a breaker."""

    async def hurry() -> None:
        pool = house.api.pool
        while True:
            await asyncio.sleep(0.2)
            with contextlib.suppress(DeadlockDetectedError):  # the worker has it; the next time will do
                await pool.execute("UPDATE rate_limit SET paused_until = now() WHERE paused_until > now()")
                await pool.execute("UPDATE breaker SET until = now() WHERE until > now()")
                await pass_time_for_jobs(pool, timedelta(days=2))

    hurrying = asyncio.create_task(hurry())
    try:
        yield
    finally:
        hurrying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hurrying


async def _is_at_rest(house: House) -> bool:
    return bool(await house.api.pool.fetchval(_ENDED) == 2 * EACH)


def _files(channel: str) -> dict[str, str | bytes | None]:
    files: dict[str, str | bytes | None] = {
        "clarion.toml": '[email]\nfrom = "Shop <shop@shop.example>"\n',
        **dict.fromkeys(("workflows/hello.yaml", "templates/hello/email.html", "templates/hello/email.txt")),
        "templates/hello/in_app.txt": None,
    }
    for workflow, policy in (("again", "retry"), ("held", "hold")):
        files[f"workflows/{workflow}.yaml"] = (
            f"attempts: 30\nexpires_after: 30d\nbackoff: {{waits: [50ms]}}\non_uncertain: {policy}\n"
            f"steps: [{{channel: {channel}}}]\n"
        )
        files[f"templates/{workflow}/{channel}.txt"] = WORDS[channel]
    return files
