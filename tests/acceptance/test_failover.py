"""Two accounts for one channel: what one fails, the other carries, and nothing is sent twice for it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.clock import pass_time_for_jobs
from tests.support.command import Program
from tests.support.house import POLL
from tests.support.providers import twilio_account
from tests.support.two_accounts import A, B, Two, two_accounts
from tests.support.wait import wait_until

from clarion.app import open_worker
from clarion.config import load_settings
from clarion.dev.fakes.faults import Fault, How
from clarion.flows import balance
from clarion.flows.providers import resume
from clarion.flows.rates import provider_pace
from clarion.queue import limits

AWAY = Fault(how=How.ANSWER, status=503)
NOT_LET_IN = Fault(how=How.ANSWER, status=401, body='{"code": 20003, "message": "Authenticate", "status": 401}')
BY_COUNTRY = """
[sms]
provider = "b"
[[routes.sms]]
providers = ["a"]
when = "recipient.country == 'NL'"
"""


async def test_what_one_fails_the_other_carries_and_it_comes_back(database: str, tmp_path: Path) -> None:
    """Two workers share what they know: the one that is away is only probed, and used again once it is well."""
    async with two_accounts(database, tmp_path) as two:
        two.a.faults.lasting = AWAY
        given = {"project": two.project, "worker.poll_interval": POLL, "smtp_url": "smtp://127.0.0.1:1"}
        settings = load_settings(given, two.settings)
        async with open_worker(settings, database) as second:
            stopping = asyncio.Event()
            running = asyncio.create_task(second.run(stopping, timedelta(seconds=5)))
            try:
                assert await two.send(60) == {"sent": 60}
                assert len({message.to for message in two.b.taken}) == len(two.b.taken) == 60
                await two.until("open")
                asked, probes = two.a.asked, (await two.breaker())["probe"]
                assert await two.send(200, first=100) == {"sent": 200}
                assert len(two.b.taken) == 260
                assert two.a.asked - asked <= (await two.breaker())["probe"] - probes, "only probes went there"
                two.a.faults.clear()
                first = 1_000

                async def is_well() -> bool:
                    nonlocal first
                    first += 1
                    await two.send(1, first=first)
                    return bool((await two.breaker())["state"] == "closed")

                await wait_until(is_well, 30, "a probe found that it is well")
                taken = len(two.a.taken)
                assert await two.send(30, first=2_000) == {"sent": 30}
                assert len(two.a.taken) == taken + 30
            finally:
                stopping.set()
                await running
        await two.house.check()


async def test_the_timeline_says_who_failed_it_and_why_it_went_where(database: str, tmp_path: Path) -> None:
    async with two_accounts(database, tmp_path) as two:
        two.a.faults.add(AWAY)
        trigger = await two.trigger(1)
        await two.house.finished(trigger)
        told = [(entry["kind"], entry["provider"], entry["status"]) for entry in await two.timeline(trigger)]
        assert told == [
            ("created", None, None),
            ("attempt", A, "retryable"),
            ("failed_over", None, None),
            ("routed", None, None),
            ("attempt", B, "accepted"),
        ]
        details = {entry["kind"]: entry["detail"] for entry in await two.timeline(trigger)}
        assert details["failed_over"] == "HTTP 503; it goes to twilio:b"
        assert details["routed"] == "not twilio:a, which had its turn"
        await two.house.check()


async def test_each_has_one_turn_before_it_waits_and_both_turns_are_one_attempt(database: str, tmp_path: Path) -> None:
    async with two_accounts(database, tmp_path, CLARION_BREAKER_CALLS="1000") as two:
        two.a.faults.lasting = two.b.faults.lasting = AWAY
        assert await two.send(1) == {"failed": 1}
        assert (two.a.asked, two.b.asked) == (5, 5), "five attempts, of a turn each"
        await two.house.check()


async def test_a_lone_account_that_is_away_is_probed_and_no_message_dies_of_it(database: str, tmp_path: Path) -> None:
    toml = '[sms]\nprovider = "a"\n'
    async with two_accounts(
        database, tmp_path, toml, CLARION_BREAKER_CALLS="1", CLARION_BREAKER_LONGEST="300ms"
    ) as two:
        two.a.faults.lasting = AWAY
        trigger = await two.trigger(3)
        await two.until("open")
        asked = two.a.asked

        async def many_probes() -> bool:
            return int((await two.breaker())["probe"]) >= 16

        await wait_until(many_probes, 60, "more probes than all of them have attempts")
        assert two.a.asked - asked <= (await two.breaker())["probe"], "only probes went there"
        two.a.faults.clear()
        done = await two.house.finished(trigger)
        assert done["by_channel"]["sms"]["sent"] == 3
        assert two.b.asked == 0
        await two.house.check()


async def test_what_waits_for_paused_accounts_says_so_and_goes_when_one_is_resumed(
    database: str, tmp_path: Path
) -> None:
    """Nobody knows how long an operator takes: it waits, says for what, looks again, and goes at once when it may."""
    async with two_accounts(database, tmp_path, CLARION_WORKER_POLL_INTERVAL="50ms") as two:
        async with two.house.api.pool.acquire() as connection:
            for label in (A, B):
                await limits.close(connection, provider_pace(label), "by hand")
        trigger = await two.trigger(1)
        why = f"{A}: it is paused: by hand; {B}: it is paused: by hand"

        async def says_why() -> bool:
            return [one["reason"] for one in (await two.house.messages(trigger)).values()] == [why]

        await wait_until(says_why, 30, "the message says what it waits for")
        await wait_until(lambda: _has_looked(two, 1), 30, "it waits")
        await pass_time_for_jobs(two.house.api.pool, timedelta(seconds=75))
        await wait_until(lambda: _has_looked(two, 2), 30, "it looked again")
        assert (two.a.asked, two.b.asked) == (0, 0)
        async with two.house.api.pool.acquire() as connection:
            await resume(connection, twilio_account("b"))
        done = await two.house.finished(trigger)
        assert done["by_channel"]["sms"]["sent"] == 1
        (message,) = (await two.house.messages(trigger)).values()
        assert (message["reason"], message["attempts"]) == (None, 1), "a wait spends no attempt"
        told = [(one["kind"], one["detail"]) for one in await two.timeline(trigger) if one["kind"] != "attempt"]
        assert told[1:] == [
            ("held_back", why),
            ("routed", f"not {A}: it is paused: by hand"),
        ], "that it waits is said once"
        await two.house.check()


async def test_a_long_pause_that_an_account_asked_for_is_over_when_it_is_resumed(database: str, tmp_path: Path) -> None:
    toml = '[sms]\nprovider = "a"\n'
    async with two_accounts(database, tmp_path, toml, CLARION_WORKER_POLL_INTERVAL="50ms") as two:
        two.a.faults.add(Fault(how=How.ANSWER, status=429, headers={"retry-after": "1800"}))
        trigger = await two.trigger(1)
        await wait_until(lambda: _has_looked(two, 1), 30, "it waits")
        async with two.house.api.pool.acquire() as connection:
            (paused,) = (await limits.paused(connection, [provider_pace(A)])).values()
            assert paused.wait > timedelta(minutes=25)
            await resume(connection, twilio_account("a"))
        await pass_time_for_jobs(two.house.api.pool, timedelta(seconds=75))
        done = await two.house.finished(trigger)
        assert done["by_channel"]["sms"]["sent"] == 1
        await two.house.check()


async def _has_looked(two: Two, times: int) -> bool:
    looked = "SELECT fence >= $1 AND state = 0 AND run_at > now() FROM job WHERE queue = 'sms'"
    return bool(await two.house.api.pool.fetchval(looked, times))


async def test_where_nobody_can_know_it_goes_nowhere_else(database: str, tmp_path: Path) -> None:
    async with two_accounts(database, tmp_path) as two:
        two.a.faults.add(Fault(how=How.RESET, taken=True))
        assert await two.send(1) == {"unknown": 1}
        assert (len(two.a.taken), two.b.asked) == (1, 0)
        await two.house.check()


async def test_sent_again_on_demand_it_is_labelled(database: str, tmp_path: Path) -> None:
    async with two_accounts(database, tmp_path, workflow="on_uncertain: retry\n") as two:
        two.a.faults.add(Fault(how=How.RESET, taken=True))
        trigger = await two.trigger(1)
        await two.house.finished(trigger)
        (message,) = (await two.house.messages(trigger)).values()
        assert (message["status"], message["possible_duplicate"]) == ("sent", True)
        assert (len(two.a.taken), two.b.asked) == (2, 0), "it is asked again: it may have the message"
        await two.house.check()


async def test_one_that_does_not_let_us_in_costs_no_message(database: str, tmp_path: Path) -> None:
    async with two_accounts(database, tmp_path) as two:
        two.a.faults.lasting = NOT_LET_IN
        assert await two.send(30) == {"sent": 30}
        assert len(two.b.taken) == 30
        (row,) = await two.house.api.pool.fetch("SELECT name, reason FROM rate_limit WHERE paused_until > now()")
        assert row["name"] == "provider:twilio:a"
        assert "does not let us in" in row["reason"]
        await two.house.check()


async def test_routes_part_them_by_country_and_weights_by_shares(database: str, tmp_path: Path) -> None:
    weighted = BY_COUNTRY.replace('provider = "b"\n', "") + '[[routes.sms]]\nproviders = ["a", "b"]\nweights = [1, 3]\n'
    async with two_accounts(database, tmp_path, weighted) as two:
        assert await two.send(20, country="31") == {"sent": 20}
        assert (len(two.a.taken), len(two.b.taken)) == (20, 0)
        assert await two.send(400) == {"sent": 400}
        share = len(two.a.taken) - 20
        assert 60 <= share <= 140, "about a quarter"
        one = await two.trigger(1, country="31", first=500)
        await two.house.finished(one)
        (routed,) = [entry for entry in await two.timeline(one) if entry["kind"] == "routed"]
        assert routed["detail"] == "route 1, for recipient.country == 'NL'"
        await two.house.check()


async def test_one_that_hangs_holds_up_nobody_else(database: str, tmp_path: Path) -> None:
    async with two_accounts(database, tmp_path, BY_COUNTRY, CLARION_BREAKER_SLOW="5m") as two:
        began = time.monotonic()
        assert await two.send(400) == {"sent": 400}
        alone = time.monotonic() - began
        two.a.faults.lasting = Fault(how=How.HANG)
        await two.trigger(600, country="31")
        await wait_until(lambda: two.a.asked >= 20, 30, "the first ones hang")
        began = time.monotonic()
        assert await two.send(400, first=1_000) == {"sent": 400}
        beside = time.monotonic() - began
        assert beside < 3 * alone + 2, f"{beside:.1f} s beside one that hangs, {alone:.1f} s alone"
        assert not two.a.taken
        await two.house.check()
        two.a.faults.clear()


async def test_one_that_hangs_is_left_alone_after_a_while(database: str, tmp_path: Path) -> None:
    async with two_accounts(database, tmp_path, CLARION_BREAKER_SLOW="500ms") as two:
        two.a.faults.lasting = Fault(how=How.HANG)
        await two.trigger(10)
        await wait_until(lambda: two.a.asked >= 10, 30, "they hang")

        async def goes_by_the_other() -> bool:
            await two.trigger(1, first=500 + len(two.b.taken) + two.a.asked)
            return len(two.b.taken) >= 1

        await wait_until(goes_by_the_other, 30, "one goes by the other account")
        assert "took longer than 0.5 s" in (await two.breaker())["reason"]


async def test_a_worker_killed_with_the_probe_does_not_leave_the_breaker_stuck(database: str, tmp_path: Path) -> None:
    async with two_accounts(database, tmp_path, run=False, CLARION_WORKER_LEASE="1s") as two:
        environment = {
            **two.settings,
            "CLARION_DATABASE_URL": database,
            "CLARION_SMTP_URL": "smtp://127.0.0.1:1",
            "CLARION_WORKER_POLL_INTERVAL": "50ms",
        }
        two.a.faults.lasting = AWAY
        async with Program(tmp_path, "worker", "--project", two.project, **environment) as worker:
            assert await two.send(20) == {"sent": 20}
            await two.until("open")
            two.a.faults.lasting = Fault(how=How.HANG)

            async def is_probing() -> bool:
                await two.trigger(1, first=int(time.monotonic() * 1_000) % 9_000)
                return bool((await two.breaker())["state"] == "half_open")

            asked = two.a.asked
            await wait_until(is_probing, 30, "a probe is on its way")
            await wait_until(lambda: two.a.asked > asked, 30, "it is there")
            os.kill(worker.pid, signal.SIGKILL)
            await worker.wait()
        assert (await two.breaker())["state"] == "half_open"
        two.a.faults.clear()
        async with Program(tmp_path, "worker", "--project", two.project, **environment):
            first = 0

            async def is_well() -> bool:
                nonlocal first
                first += 1
                await two.trigger(1, first=9_000 + first)
                return bool((await two.breaker())["state"] == "closed")

            await wait_until(is_well, 60, "another probe has closed it")
            assert (await two.breaker())["probe"] >= 2
            assert two.a.taken


async def test_weights_give_way_to_an_account_that_is_slow(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(balance, "EVERY", timedelta(seconds=0.2))
    route = '[[routes.sms]]\nproviders = ["a", "b"]\nweights = [80, 20]\nbalance = {slow = "300ms", points = 80}\n'
    async with two_accounts(database, tmp_path, route) as two:
        two.a.faults.lasting = Fault(how=How.LATE, delay_s=0.4)
        assert await two.send(100) == {"sent": 100}

        async def moved() -> bool:
            return bool(await two.house.api.pool.fetchval("SELECT count(*) FROM balance WHERE points <> base"))

        await wait_until(moved, 20, "its share is another's now")
        taken = len(two.a.taken)

        async def all_elsewhere() -> bool:
            trigger = await two.trigger(1, first=int(time.monotonic() * 1000) % 8_000 + 1_000)
            await two.house.finished(trigger)
            reasons = [one["detail"] for one in await two.timeline(trigger) if one["kind"] == "routed"]
            return bool(reasons) and "twilio:a took longer than 0.3 s" in reasons[0]

        await wait_until(all_elsewhere, 20, "the timeline says why")
        two.a.faults.clear()
        assert await two.send(30, first=200) == {"sent": 30}
        assert len(two.a.taken) <= taken + 1, "it has no share left"
        await two.house.check()
