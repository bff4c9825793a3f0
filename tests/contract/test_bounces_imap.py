"""A mailbox of mails that came back, read by IMAP from a real server: each once, and none lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from tests.support.api import SECRET
from tests.support.bounces import ADDRESS, bounce, complaint
from tests.support.house import open_house
from tests.support.imap import SERVERS, pymap
from tests.support.wait import wait_until

from clarion import ids
from clarion.channels.bounces.imap import Poller
from clarion.channels.bounces.mailbox import parse_imap_url
from clarion.channels.bounces.reading import Reading
from clarion.channels.bounces.status import Said
from clarion.domain.return_path import ReturnPaths
from clarion.errors import ConfigError, Unavailable

PATHS = ReturnPaths(ADDRESS, b"the secret of an installation")


class Books:
    """Keeps what was read, unless it is told not to."""

    def __init__(self) -> None:
        self.read: list[Reading] = []
        self.broken = False

    async def __call__(self, read: Sequence[Reading]) -> None:
        if self.broken:
            raise ConnectionResetError("the database is away")
        self.read += read


@pytest.mark.parametrize("done", [None, "Read and done"])
@pytest.mark.parametrize("kind", SERVERS)
async def test_each_mail_is_read_once_and_put_away_when_that_is_kept(kind: str, done: str | None) -> None:
    made = [ids.new() for _ in range(60)]
    mails = [bounce(PATHS.of(id), "5.1.1", id=f"<{id}@mx>") for id in made]
    async with SERVERS[kind]() as server:
        await asyncio.to_thread(server.put, [*mails, complaint(PATHS.of(made[0])), b"Subject: Spam\r\n\r\nBuy this"])
        books = Books()
        poller = Poller(parse_imap_url(server.url, done=done), PATHS, books, max_size=20_000)
        books.broken = True
        with pytest.raises(ConnectionResetError):
            await poller.run_once()
        assert await asyncio.to_thread(server.count, "UNSEEN") == 62, "what was not kept is looked at again"
        books.broken = False
        assert await poller.run_once() == 62
        assert [one.message_id for one in books.read] == [*made, made[0], None]
        assert [one.said for one in books.read] == [*[Said.FAILED] * 60, Said.COMPLAINT, Said.ANSWER]
        assert await poller.run_once() == 0
        if done is None:
            assert await asyncio.to_thread(server.count, "SEEN") == 62
        else:
            assert await asyncio.to_thread(server.count) == 0
            assert await asyncio.to_thread(server.count, "ALL", f'"{done}"') == 62
        await asyncio.to_thread(server.put, mails[:1])
        assert await poller.run_once() == 1
        assert books.read[-1].report == books.read[0].report, "the same mail again is the same report"


async def test_a_worker_looks_into_the_mailbox(database: str) -> None:
    async with pymap() as server:
        await asyncio.to_thread(server.put, [])
        settings = {
            "CLARION_SECRET": SECRET.decode(),
            "CLARION_EMAIL_BOUNCE_ADDRESS": ADDRESS,
            "CLARION_BOUNCES_IMAP_URL": server.url,
            "CLARION_BOUNCES_IMAP_DONE": "Done",
            "CLARION_BOUNCES_IMAP_EVERY": "1s",
            "CLARION_WORKER_BOUNCES": "true",
        }
        async with open_house(database, env=settings) as house:
            trigger = await house.trigger({"recipients": [{"email": "ann@example.org"}], "channels": ["email"]})
            await house.finished(trigger)
            await asyncio.to_thread(server.put, [bounce(house.smtp.accepted[0].sender, "5.1.1", "550 5.1.1 nobody")])

            async def reason() -> object:
                (found,) = (await house.messages(trigger)).values()
                return found["status"] == "bounced" and found["reason"]

            assert await wait_until(reason, 20, "a bounce") == "550 5.1.1 nobody"
            await wait_until(lambda: asyncio.to_thread(server.count, "ALL", "Done"), 20, "the mail in its folder")
            await house.check()


async def test_of_a_mail_that_is_too_large_the_beginning_is_read() -> None:
    id = ids.new()
    raw = bounce(PATHS.of(id), "5.1.1").replace(b"--b0--", b"--b0\r\n\r\n" + b"long\r\n" * 20_000)
    async with pymap() as server:
        await asyncio.to_thread(server.put, [raw])
        books = Books()
        await Poller(parse_imap_url(server.url), PATHS, books, max_size=16_384).run_once()
    assert books.read[0].report is not None and books.read[0].message_id == id


@pytest.mark.parametrize(
    "change", [("demopass", "wrong"), ("Returned", "Nowhere"), ("127.0.0.1", "127.0.0.1:1#")], ids=lambda one: one[1]
)
async def test_a_mailbox_that_cannot_be_used_says_so_without_the_password(change: tuple[str, str]) -> None:
    async with pymap() as server:
        await asyncio.to_thread(server.put, [])
        url = server.url.replace(*change)
        if "#" in url:
            url = url.partition("#")[0] + "/Returned"
        with pytest.raises(Unavailable, match=r"127\.0\.0\.1") as raised:
            await Poller(parse_imap_url(url), PATHS, Books(), max_size=20_000).run_once()
    assert "demopass" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        *("http://ann:secret@imap.example/INBOX", "imaps://imap.example", "imaps://ann:se%0Acret@imap.example"),
        *("imaps://ann:secret@imap.example/INBOX?x=1", "imaps://ann:secret@imap.example:99999", "imaps://ann:secret@"),
    ],
)
def test_an_address_that_is_none_is_refused_without_the_password(url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_imap_url(url)
    assert "secret" not in str(raised.value)


def test_an_address_says_how_it_is_encrypted() -> None:
    assert parse_imap_url("imaps://ann:p%40ss@imap.example/A%20B") == parse_imap_url(
        "imaps://ann:p%40ss@imap.example:993/A%20B"
    )
    box = parse_imap_url("imap://ann:p%40ss@imap.example")
    assert (box.port, box.implicit_tls, box.folder, box.password) == (143, False, "INBOX", "p@ss")
    assert "p@ss" not in repr(box)
