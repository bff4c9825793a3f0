"""Mails that come back: each to an address of its own, by real conversations, once, and from nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from tests.support.api import SECRET
from tests.support.bounces import ADDRESS, bounce, complaint
from tests.support.house import House, open_house
from tests.support.smtp import Conversation
from tests.support.smtp_faults import Fault
from tests.support.wait import wait_until

from clarion import ids
from clarion.channels.bounces.listener import Listener
from clarion.domain.return_path import ReturnPaths
from clarion.flows.returned import TakeReturned
from clarion.ids import Prefix

SETTINGS = {
    "CLARION_SECRET": SECRET.decode(),
    "CLARION_EMAIL_BOUNCE_ADDRESS": ADDRESS,
    "CLARION_BOUNCES_LISTEN": "127.0.0.1:0",
    "CLARION_BOUNCES_MAX_SIZE": "20000",
    "CLARION_WORKER_BOUNCES": "true",
}

NEWS = "on_uncertain: hold\nsteps: [{channel: email}]\n"


@asynccontextmanager
async def opened(database: str, **more: str) -> AsyncIterator[tuple[House, int]]:
    """A house, and the port at which mails come back to it."""
    async with open_house(database, env={**SETTINGS, **more}) as house:
        (door,) = house.worker.doors
        assert isinstance(door, Listener)
        await wait_until(lambda: door.port != 0, 5, "the listener")
        yield house, door.port


async def send(house: House, *addresses: str) -> list[tuple[str, str]]:
    """The ids of messages that were sent to *addresses*, each with where its mail would come back to."""
    trigger = await house.trigger({"recipients": [{"email": one} for one in addresses], "channels": ["email"]})
    await house.finished(trigger)
    page = await house.get(f"/v1/messages?trigger={trigger}&limit=100")
    senders = {mail.recipient: mail.sender for mail in house.smtp.accepted}
    by_address = {one["address"]: one["id"] for one in page["items"]}
    return [(by_address[one], senders[one]) for one in addresses]


async def come_back(port: int, raw: bytes, to: str, sender: str = "") -> str:
    """Bring a mail as another server does; the reply to it."""
    async with Conversation(port) as smtp:
        await smtp.say("EHLO mx.example.net")
        refused = [
            reply
            for line in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{to}>", "DATA")
            if not (reply := await smtp.say(line)).startswith(("250", "354"))
        ]
        if refused:
            return refused[0]
        smtp.send(raw.replace(b"\r\n.", b"\r\n..") + b"\r\n.\r\n")
        return await smtp.reply()


async def message(house: House, id: str) -> Any:
    return await house.get(f"/v1/messages/{id}")


async def test_what_came_back_moves_its_message_and_is_known_of_its_address(database: str) -> None:
    async with opened(database) as (house, port):
        people = ("hard@example.org", "late@example.org", "loud@example.org", "away@example.org")
        (hard, hard_to), (late, late_to), (loud, loud_to), (away, away_to) = await send(house, *people)
        assert len({hard_to, late_to, loud_to, away_to}) == 4
        assert all(to.startswith("bounces+") and to.endswith("@mail.example.com") for to in (hard_to, late_to))

        raw = bounce(hard_to, "5.1.1", "550 5.1.1 no such user")
        assert (await come_back(port, raw, hard_to)).startswith("250")
        found = await message(house, hard)
        assert (found["status"], found["reason"]) == ("bounced", "550 5.1.1 no such user")
        assert found["timeline"][-1]["kind"] == "bounced"

        assert (await come_back(port, bounce(late_to, "2.0.0", action="delivered"), late_to)).startswith("250")
        assert (await message(house, late))["status"] == "delivered"
        assert (await come_back(port, bounce(late_to, "4.4.7", id="<2@mx>"), late_to.upper())).startswith("250")
        assert (await message(house, late))["status"] == "bounced", "a late bounce corrects what was said before"

        assert (await come_back(port, complaint(loud_to), loud_to)).startswith("250")
        assert (await message(house, loud))["status"] == "delivered"
        answer = b"From: away@example.org\r\nAuto-Submitted: auto-replied\r\n\r\n550 5.1.1 I am away"
        assert (await come_back(port, answer, away_to, "away@example.org")).startswith("250")
        assert (await message(house, away))["status"] == "sent"

        # The other server did not hear our answer and brings it again: nothing happens twice.
        assert (await come_back(port, raw, hard_to)).startswith("250")
        assert len((await message(house, hard))["timeline"]) == len(found["timeline"])
        reasons = {one["address"]: one["reason"] for one in (await house.get("/v1/suppressions"))["items"]}
        assert reasons == {"hard@example.org": "hard_bounce", "loud@example.org": "complaint"}
        ((again, _),) = await send(house, "away@example.org")
        assert (await message(house, again))["status"] == "sent"
        await house.check()


async def test_nothing_is_taken_that_did_not_go_out_from_here(database: str) -> None:
    async with opened(database) as (house, port):
        ((id, to),) = await send(house, "ann@example.org")
        forged = ReturnPaths(ADDRESS, b"a guess").of(ids.parse(Prefix.MESSAGE, id))
        for other in (forged, "postmaster@mail.example.com", ADDRESS, "ann@example.org", to.replace("@", "%x@")):
            assert (await come_back(port, bounce(other, "5.1.1"), other)).startswith("550 5.1.1"), other
        unknown = ReturnPaths(ADDRESS, SECRET).of(ids.new())
        assert (await come_back(port, bounce(unknown, "5.1.1"), unknown)).startswith("250"), "its message may be gone"
        async with Conversation(port) as smtp:
            await smtp.say("EHLO mx.example.net")
            assert (await smtp.say("MAIL FROM:<> SIZE=20001")).startswith("552")
            assert (await smtp.say("MAIL FROM:<>")).startswith("250")
            assert (await smtp.say(f"RCPT TO:<{to}>")).startswith("250")
            assert (await smtp.say(f"RCPT TO:<{to}>")).startswith("452"), "one mail is about one message"
            assert (await smtp.say("DATA")).startswith("354")
            smtp.send(b"a: b\r\n" * 5_000 + b"\r\n.\r\n")
            assert (await smtp.reply()).startswith("552")
        assert (await message(house, id))["status"] == "sent"
        assert (await house.get("/v1/suppressions"))["items"] == []
        await house.check()


async def test_soft_bounces_are_counted_and_too_many_mails_are_put_off(database: str) -> None:
    more = {"CLARION_SUPPRESSION_SOFT_BOUNCES": "2", "CLARION_BOUNCES_RATE": "1"}
    async with opened(database, **more) as (house, port):
        for number in range(2):
            ((id, to),) = await send(house, "full@example.org")
            assert (await come_back(port, bounce(to, "5.2.2", id=f"<{number}@mx>"), to)).startswith("250")
            assert (await message(house, id))["status"] == "bounced"
        ((found),) = (await house.get("/v1/suppressions"))["items"]
        assert (found["address"], found["reason"]) == ("full@example.org", "soft_bounces")
        async with Conversation(port) as smtp:
            await smtp.say("EHLO mx.example.net")
            replies = [await smtp.say("MAIL FROM:<>") + await smtp.say("RSET") for _ in range(60)]
        assert replies[-1].startswith("451 4.7.1")


async def test_a_mail_is_answered_for_once_it_is_committed(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(database) as (house, port):
        ((id, to),) = await send(house, "ann@example.org")
        raw = bounce(to, "5.1.1")
        take, gate = TakeReturned.__call__, asyncio.Event()

        async def broken(*_: object) -> None:
            raise ConnectionResetError("the database is away")

        async def slow(self: TakeReturned, read: Any) -> None:
            await gate.wait()
            await take(self, read)

        monkeypatch.setattr(TakeReturned, "__call__", broken)
        assert (await come_back(port, raw, to)).startswith("451 4.3.0")
        assert (await message(house, id))["status"] == "sent"
        monkeypatch.setattr(TakeReturned, "__call__", slow)
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=10)
        async with client:
            bringing = asyncio.create_task(client.sendmail("", [to], raw))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(bringing), 0.2)
            gate.set()
            await bringing
        assert (await message(house, id))["status"] == "bounced"


async def test_a_mail_that_may_have_been_taken_was_when_it_comes_back(database: str, tmp_path: Path) -> None:
    """The server hung up behind the final dot: nobody knew, until it came back."""
    for name, text in (
        *(("clarion.toml", '[email]\nfrom = "a@shop.example"\n'), ("workflows/news.yaml", NEWS)),
        ("templates/news/email.txt", "---\nsubject: Hello\n---\nHello\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    fault = Fault(at="accepted", do="close")
    async with open_house(database, project=tmp_path, env=SETTINGS, faults=[fault]) as house:
        (door,) = house.worker.doors
        assert isinstance(door, Listener)
        trigger = await house.trigger({"recipients": [{"email": "ann@example.org"}]}, "news")

        async def unknown() -> bool:
            page = await house.get(f"/v1/messages?trigger={trigger}")
            return bool(page["items"]) and page["items"][0]["status"] == "unknown"

        await wait_until(unknown, 30, "a message of which nobody knows")
        (id,) = [one["id"] for one in (await house.get(f"/v1/messages?trigger={trigger}"))["items"]]
        to = ReturnPaths(ADDRESS, SECRET).of(ids.parse(Prefix.MESSAGE, id))
        assert (await come_back(door.port, bounce(to, "5.1.1"), to)).startswith("250")
        found = await message(house, id)
        assert found["status"] == "bounced"
        await house.check()
