"""A domain that asks for patience gets it, and no other domain is the worse for it."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import pass_time_for_jobs
from tests.support.house import POLL, House, open_house
from tests.support.project import build
from tests.support.smtp_faults import Fault
from tests.support.wait import wait_until

from clarion.app import open_worker
from clarion.channels.email.at_once import Places
from clarion.config import load_settings
from clarion.queue.job import LANES
from clarion.store.destinations import let_go_expired

GMAIL, CORP = "gmail.example", "corp.example"
NAME = f"destination:smtp/{GMAIL}"
FILES = {
    "clarion.toml": '[email]\nfrom = "a@shop.example"\n',
    "workflows/ready.yaml": "expires_after: 6h\nattempts: 2\nbackoff: {waits: [50ms], factor: 1}\n"
    "steps: [{channel: email}]\n",
    "templates/ready/email.txt": "---\nsubject: Order {{ payload.orderId }}\n---\nDear {{ recipient.name }}.",
}
AWAY = Fault(at="rcpt", do="reply", code=421, text="4.7.28 unusual rate", to=f"@{GMAIL}")


def _people(count: int, domain: str) -> list[dict[str, str]]:
    return [{"id": f"{domain[0]}{n}", "name": "Ann", "email": f"guest{n}@{domain}"} for n in range(count)]


async def _pass_time(house: House, by: timedelta) -> None:
    """Let *by* pass for what waits, and for the pauses that domains asked for."""
    await house.api.pool.execute(
        "UPDATE destination SET since = since - $1::interval, until = until - $1::interval,"
        " paced_at = paced_at - $1::interval, window_at = window_at - $1::interval",
        by,
    )
    await house.api.pool.execute(
        "UPDATE rate_limit SET paused_until = paused_until - $1::interval, next_at = next_at - $1::interval", by
    )
    await pass_time_for_jobs(house.api.pool, by)


async def _limit(house: House, name: str = NAME) -> dict[str, Any] | None:
    listed = (await house.get("/v1/limits"))["items"]
    return next((one for one in listed if one["limit"] == name), None)


async def _counts(house: House, trigger: str) -> dict[str, int]:
    done = await house.get(f"/v1/triggers/{trigger}")
    return {status: n for status, n in done["by_channel"]["email"].items() if n}


def _taken(house: House) -> Counter[str]:
    return Counter(mail.recipient.partition("@")[2] for mail in house.smtp.accepted)


async def test_it_is_left_alone_by_all_workers_probed_and_quick_again(database: str, tmp_path: Path) -> None:
    project = build(tmp_path / "project", FILES)
    async with open_house(database, project=project) as house:
        house.smtp.faults = [AWAY]
        flags = {"project": project, "worker.poll_interval": POLL, "smtp_url": f"smtp://127.0.0.1:{house.smtp.port}"}
        async with open_worker(load_settings(flags, {}), database) as second:
            stopping = asyncio.Event()
            running = asyncio.create_task(second.run(stopping, timedelta(seconds=5)))
            try:
                people = [one for pair in zip(_people(300, GMAIL), _people(300, CORP), strict=True) for one in pair]
                trigger = await house.trigger({"recipients": people}, "ready")

                async def others_are_done() -> bool:
                    return _taken(house)[CORP] == 300

                await wait_until(others_are_done, 30, "the others have theirs")

                async def is_parked() -> bool:
                    found = await _limit(house)
                    return found is not None and found["paused_until"] is not None

                await wait_until(is_parked, 10, "it is left alone")
                limit = await _limit(house)
                assert limit is not None
                assert (limit["set_by"], limit["kind"]) == ("feedback", "destination")
                assert "421 4.7.28 unusual rate" in limit["reason"]
                asked = house.smtp.commands["RCPT"]
                # Its time is over, and it has not changed its mind: one message is tried, and it waits twice as long.
                await _pass_time(house, timedelta(seconds=38))

                async def asked_again() -> bool:
                    row = await house.api.pool.fetchrow("SELECT parked FROM destination WHERE name = $1", NAME)
                    return row is not None and row["parked"] == 2

                await wait_until(asked_again, 30, "it was probed")
                assert house.smtp.commands["RCPT"] - asked <= 2, "by one message, or by two at the same moment"

                async def all_wait() -> bool:
                    found = await _limit(house)
                    return found is not None and found["waiting"] >= 250

                await wait_until(all_wait, 30, "those for it wait at the gate")
                messages = await house.get(f"/v1/messages?trigger={trigger}&status=queued&limit=100")
                one = await house.get(messages["items"][0]["href"])
                held = [entry for entry in one["timeline"] if entry["kind"] == "held_back"]
                assert held, "the timeline says what it waits for"
                assert f"{GMAIL} asks for patience (smtp)" in held[0]["detail"]
                assert house.smtp.commands["RCPT"] - asked <= 2
                house.smtp.faults = []
                await _pass_time(house, timedelta(seconds=61))

                async def quicker() -> bool:
                    await house.api.pool.execute("UPDATE destination SET paced_at = paced_at - interval '5 s'")
                    return (await _counts(house, trigger)) == {"sent": 600}

                await wait_until(quicker, 60, "all of them are sent")
            finally:
                stopping.set()
                await running
        spent = await house.api.pool.fetchval("SELECT max(attempts) FROM message WHERE address LIKE $1", f"%@{GMAIL}")
        assert spent <= 4, "a probe or two, and what was on its way when it began"
        assert Counter(house.smtp.recipients()).most_common(1)[0][1] == 1
        await house.check()


async def test_what_is_too_late_does_not_wait_for_it(database: str, tmp_path: Path) -> None:
    async with open_house(database, project=build(tmp_path / "project", FILES)) as house:
        house.smtp.faults = [AWAY]
        trigger = await house.trigger({"recipients": _people(30, GMAIL)}, "ready")

        async def all_wait() -> bool:
            await _pass_time(house, timedelta(seconds=10))
            found = await _limit(house)
            return found is not None and found["waiting"] >= 20

        await wait_until(all_wait, 30, "they wait")
        # Of what is on its way just now, too: it is put off, and waits with the others.
        await house.api.pool.execute("UPDATE message SET expires_at = clock_timestamp()")
        freed = 0

        async def all_ended() -> bool:
            nonlocal freed
            async with house.api.pool.acquire() as connection:  # as each worker does every so often
                freed += await let_go_expired(connection, "email", [NAME], 1_000, lanes=LANES)
            await pass_time_for_jobs(house.api.pool, timedelta(seconds=10))
            return (await _counts(house, trigger)) == {"expired": 30}

        await wait_until(all_ended, 30, "all of them ended")
        assert freed >= 20
        await house.check()


async def test_a_domain_with_a_rate_keeps_to_it(database: str, tmp_path: Path) -> None:
    files = FILES | {"clarion.toml": f'{FILES["clarion.toml"]}[email.domains."{GMAIL}"]\nrate = "5/s"\n'}
    async with open_house(database, project=build(tmp_path / "project", files)) as house:
        people = [*_people(8, GMAIL), *_people(50, CORP)]
        trigger = await house.trigger({"recipients": people}, "ready")
        limit = await _limit(house, f"domain:{GMAIL}")
        assert limit is not None
        assert (limit["rate"], limit["set_by"]) == ("5/s", "settings")
        await house.finished(trigger)
        times = sorted(mail.at for mail in house.smtp.accepted if mail.recipient.endswith(GMAIL))
        assert len(times) == 8
        assert times[-1] - times[0] >= 1.2, "seven gaps of a fifth of a second"
        await house.check()


@pytest.mark.parametrize("phase", ["rcpt", "data", "dot"])
async def test_a_domain_where_most_is_put_off_is_slowed_and_the_account_is_not_blamed(
    database: str, tmp_path: Path, phase: str
) -> None:
    async with open_house(database, project=build(tmp_path / "project", FILES)) as house:
        house.smtp.faults = [Fault(at=phase, do="reply", code=451, text="4.7.1 greylisted", times=20, to=f"@{GMAIL}")]
        trigger = await house.trigger({"recipients": _people(20, GMAIL)}, "ready")

        async def slowed() -> bool:
            found = await _limit(house)
            return found is not None and found["rate"] is not None

        await wait_until(slowed, 30, "it is slowed")
        limit = await _limit(house)
        assert limit is not None
        assert limit["paused_until"] is None
        done = await house.finished(trigger)
        assert done["by_channel"]["email"]["sent"] == 20
        await house.check()


async def test_no_more_mails_than_may_be_are_on_their_way_to_a_domain(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: Counter[int] = Counter()
    take = Places.take

    def noted(self: Places, domain: str) -> bool:
        found = take(self, domain)
        taken[self.most[domain] - self._free[domain]] += 1
        return found

    monkeypatch.setattr(Places, "take", noted)
    files = FILES | {"clarion.toml": f'{FILES["clarion.toml"]}[email.domains."{GMAIL}"]\nat_once = 3\n'}
    async with open_house(database, project=build(tmp_path / "project", files)) as house:
        people = [one for pair in zip(_people(60, GMAIL), _people(60, CORP), strict=True) for one in pair]
        trigger = await house.trigger({"recipients": people}, "ready")
        await house.finished(trigger)
        assert _taken(house) == {GMAIL: 60, CORP: 60}
        assert await _counts(house, trigger) == {"sent": 120}
        assert max(taken) == 3
        await house.check()
