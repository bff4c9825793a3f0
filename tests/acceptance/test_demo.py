"""`clarion demo` on real processes: what it shows, what it counts, and that it ends all it started."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from tests.support.command import Program, clarion

from clarion.cli.story.books import Books

LAST = (
    r"demo: (\d+) accepted, (\d+) sent, (\d+) failed, 202 after \d+ ms, "
    r"all sent after \d+\.\d s \(\d+ mails/s\), (\d+) MB"
)
BEFORE = (
    r"feed: (\d+) accepted, (\d+) delivered, (\d+) failed, 202 after \d+ ms, "
    r"all delivered after \d+\.\d s \(\d+ items/s\)"
)

#: What one guest is told on every channel but mail.
_ELSEWHERE = {
    "in_app": "Booking 12345",
    "sms": "your room 12 is ready, Nitish official",
    "push": "Room 12 is ready · Your key waits at the desk",
    "chat": "Room 12 is ready · Your key waits at the desk",
    "webhook": '{"type":"room.ready","timestamp":',
}


async def test_it_reaches_everyone_and_counts_twice(tmp_path: Path) -> None:
    # What is configured here must not reach it: mails to 10,000 made-up guests are not for a real server.
    poison = {"CLARION_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "CLARION_SMTP_URL": "smtp://127.0.0.1:1"}
    async with Program(tmp_path, "demo", "--people", "200", **poison) as demo:
        folder = await demo.says(r"Starting Clarion in (\S+)")
        assert await demo.wait() == 0, demo.out + demo.err
        assert _is_gone(folder)
        await demo.is_gone(timeout=1)
    before, last = demo.out.splitlines()[-2:]
    match = re.fullmatch(LAST, last)
    assert match is not None, last
    accepted, sent, failed, megabytes = map(int, match.groups())
    assert (accepted, sent, failed) == (201, 201, 0)
    assert 20 < megabytes < 200
    match = re.fullmatch(BEFORE, before)
    assert match is not None, before
    assert match.groups() == ("201", "201", "0")
    assert "From: Hotel Aurora <stay@aurora.example>" in demo.out
    assert "To: Nitish official <nitish@guests.example>" in demo.out
    assert "Subject: Your booking 12345 is confirmed" in demo.out
    assert "We look forward to your stay." in demo.out
    assert "messages: 400 of 400 (200 sent, 200 delivered; " in demo.err
    assert "Database and catcher agree." in demo.out
    for channel, words in _ELSEWHERE.items():
        assert re.search(rf"^{channel} +\S.*{re.escape(words)}", demo.out, re.MULTILINE), channel
    for noun in ("text messages", "push messages", "chat messages", "webhooks"):
        counts = re.findall(rf"^{noun} (sent|received) +(\d+) +(database|catcher)$", demo.out, re.MULTILINE)
        assert counts == [("sent", "1", "database"), ("received", "1", "catcher")], noun


async def test_it_fails_when_the_two_books_differ(tmp_path: Path) -> None:
    async with Program(tmp_path, "demo", "--people", "50") as demo:
        caught = await demo.says(r"caught mail: (\S+)")
        await demo.says("All guests")  # one mail is there: the catcher forgets it
        assert await asyncio.to_thread(_forget, f"{caught}/api/mails") == 200
        assert await demo.wait() == 1
        await demo.is_gone(timeout=1)
    assert "They do not agree" in demo.out
    assert re.search(r"mails received: \d+, and there are 51 people \(mail catcher\)", demo.out)
    assert re.fullmatch(LAST, demo.out.splitlines()[-1])


def _forget(url: str) -> int:
    with urlopen(Request(url, method="DELETE")) as answer:
        return int(answer.status)


@pytest.mark.parametrize(
    ("number", "when"),
    [(signal.SIGINT, "Starting Clarion"), (signal.SIGINT, "people: 200 of"), (signal.SIGTERM, "All guests")],
)
async def test_interrupting_it_leaves_nothing(tmp_path: Path, number: int, when: str) -> None:
    async with Program(tmp_path, "demo", "--people", "200") as demo:
        folder = await demo.says(r"Starting Clarion in (\S+)")
        await demo.says(when)
        demo.signal(number)
        assert await demo.wait() in (130, 0)  # 0: it was done before the signal arrived
        await demo.is_gone(timeout=1)
        assert _is_gone(folder)
        assert "Traceback" not in demo.err


async def test_killing_it_leaves_no_process(tmp_path: Path) -> None:
    async with Program(tmp_path, "demo", "--people", "200") as demo:
        folder = await demo.says(r"Starting Clarion in (\S+)")
        await demo.says("It is up")
        demo.signal(signal.SIGKILL)
        await demo.wait()
        await demo.is_gone()
    shutil.rmtree(folder)  # nobody was left to do it


async def test_its_number_of_people_is_checked() -> None:
    refused = await clarion("demo", "--people", "0")
    assert refused.code == 2
    assert "--people" in refused.err


def _is_gone(folder: str) -> bool:
    return not Path(folder).exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sent": 10}, "mails sent: 10, and there are 11 people (database)"),
        ({"in_feed": 12}, "items in feeds: 12, and there are 11 people (database)"),
        ({"mails_failed": 1}, "mails that failed: 1"),
        ({"feed_failed": 2}, "feed items that failed: 2"),
        ({"broken": ("a trigger has its job (1)",)}, "a promise is broken: a trigger has its job (1)"),
        ({"caught": {"received": 12, "distinct_message_ids": 11, "distinct_recipients": 11}}, "mails received: 12"),
        ({"elsewhere": {"sms": (1, 2)}}, "text messages received: 2, and there is one (catcher)"),
        ({"elsewhere": {"webhook": (0, 1)}}, "webhooks sent: 0, and there is one (database)"),
    ],
)
def test_every_difference_is_told(changes: dict[str, object], said: str) -> None:
    caught = dict.fromkeys(("received", "distinct_message_ids", "distinct_recipients"), 11)
    good: dict[str, object] = {
        **{"people": 11, "accepted": 11, "sent": 11, "in_feed": 11, "caught": caught, "broken": ()},
        **{
            "mails_failed": 0,
            "feed_failed": 0,
            "elsewhere": dict.fromkeys(("sms", "push", "chat", "webhook"), (1, 1)),
            "sent_after_s": 1.0,
            "in_feed_after_s": 1.0,
        },
    }
    assert Books(**good).differences() == []  # type: ignore[arg-type]
    (difference,) = Books(**{**good, **changes}).differences()  # type: ignore[arg-type]
    assert difference.startswith(said)
