"""The catcher's spool: it survives what a process does not, stays in bounds, and counts exactly."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.smtp import sample

from clarion import clock
from clarion.dev.catcher.distinct import Distinct
from clarion.dev.catcher.mail import pack, unpack_summary
from clarion.dev.catcher.reading import read
from clarion.dev.catcher.spool import Spool
from clarion.smtp.intake import Arrival


def arrival(number: int, size: int = 1000) -> Arrival:
    return Arrival(b"hotel@example.com", (b"guest%d@example.com" % number,), sample(number, size))


def files(folder: Path) -> list[Path]:
    return list(folder.glob("*.mails"))


def fill(spool: Spool, numbers: range, size: int = 1000) -> None:
    for number in numbers:
        spool.append([arrival(number, size)])


def test_a_restart_finds_all_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=5_000)
    fill(spool, range(1, 31))
    before = spool.counts()
    spool.close()
    assert len(files(tmp_path)) > 3
    spool = Spool(tmp_path, segment_bytes=5_000)
    assert spool.counts() == before
    assert (before.received, before.distinct_message_ids, before.distinct_recipients, before.kept) == (30, 30, 30, 30)
    assert [spool.raw(id) for id in range(1, 31)] == [sample(number, 1000) for number in range(1, 31)]
    assert spool.append([arrival(31)]) == 31
    spool.close()


@pytest.mark.parametrize("damage", [lambda last: last[:-1], lambda last: last[:7], lambda last: b"\0" * len(last)])
def test_a_mail_that_was_not_written_whole_is_cut_off(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    spool = Spool(tmp_path)
    fill(spool, range(1, 4))
    spool.close()
    (file,) = files(tmp_path)
    content = file.read_bytes()
    length = len(content) // 3
    file.write_bytes(content[:-length] + damage(content[-length:]))
    spool = Spool(tmp_path)
    assert spool.counts().kept == 2
    assert spool.append([arrival(9)]) == 3
    assert [spool.raw(id) for id in (2, 3, 4)] == [sample(2, 1000), sample(9, 1000), None]
    spool.close()


async def test_the_oldest_are_dropped_beyond_the_cap_and_still_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, keep_bytes=20_000, segment_bytes=5_000)
    fill(spool, range(1, 101))
    counts = spool.counts()
    assert (counts.received, counts.distinct_recipients) == (100, 100)
    assert 10 <= counts.kept <= 30
    assert sum(file.stat().st_size for file in files(tmp_path)) < 27_000
    assert spool.raw(1) is None and spool.summary(1) is None
    assert spool.raw(100) == sample(100, 1000)
    assert len(await spool.find(None, limit=1000, before=None)) == counts.kept
    spool.close()


def test_emptying_forgets_all_but_the_numbering(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    fill(spool, range(1, 6))
    assert spool.clear() == 5
    assert spool.counts().received == spool.counts().distinct_recipients == spool.counts().kept == 0
    spool.close()
    spool = Spool(tmp_path)
    assert spool.raw(5) is None
    assert spool.append([arrival(1)]) == 6
    spool.close()


async def test_find_goes_from_the_newest_and_pages(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=50_000)
    fill(spool, range(1, 1201), size=300)
    newest = await spool.find(None, limit=3, before=None)
    assert [one.id for one in newest] == [1200, 1199, 1198]
    assert [one.id for one in await spool.find(None, limit=2, before=1198)] == [1197, 1196]
    assert [one.id for one in await spool.find(None, limit=5, before=3)] == [2, 1]
    assert await spool.find(None, limit=5, before=1) == []
    (only,) = await spool.find(lambda one: one.recipients == (b"guest7@example.com",), limit=5, before=None)
    assert (only.id, only.subject, only.message_id) == (7, b"Booking 7 confirmed", b"<7@example.com>")
    spool.close()


def test_memory_does_not_grow_with_the_mails(tmp_path: Path) -> None:
    """50,000 mails: under three megabytes, most of it for the two exact counts."""
    spool = Spool(tmp_path)
    arrivals = [arrival(number, 300) for number in range(50_000)]  # made before it is counted, which takes its time
    tracemalloc.start()
    for first in range(0, 50_000, 100):
        spool.append(arrivals[first : first + 100])
    current, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spool.counts().distinct_message_ids == spool.counts().distinct_recipients == 50_000
    assert current < 3_000_000
    spool.close()


def test_counting_the_different_ones_is_exact() -> None:
    chance = random.Random(3)
    counted, known = Distinct(), set()
    for _ in range(60_000):
        value = b"%d" % chance.randrange(40_000)
        counted.add(value)
        known.add(value)
    assert len(counted) == len(known)


@given(
    st.lists(st.text("abc@é.", min_size=1), min_size=1, max_size=3),
    st.text(st.characters(exclude_characters="\r\n", codec="utf-8")),
    st.sampled_from(["\r\n ", "\r\n\t", " "]),
)
def test_a_summary_says_what_was_packed(people: list[str], subject: str, fold: str) -> None:
    recipients = [person.encode() for person in people]
    raw = f"X: subject: no\r\nSUBJECT: {subject}{fold}more\r\nmessage-id: <1@x>\r\n\r\nSubject: body\r\n".encode()
    (_, summary, mail), message_id = pack(b"me@example.com", recipients, raw, 5)
    found = unpack_summary(1, summary, len(mail), 5)
    assert found.recipients == tuple(recipients)
    assert found.message_id == message_id == b"<1@x>"
    assert found.subject == (subject + fold.replace("\r\n", "") + "more").encode().strip()


@given(st.binary(max_size=2000) | st.text(max_size=500).map(str.encode))
def test_whatever_arrives_can_be_read(raw: bytes) -> None:
    reading = read(raw)
    reading.html_page()
    assert orjson.dumps([reading.headers, reading.text, reading.html])


BROKEN = [
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Type: text/html; charset=nonsense\r\n",
    b"Content-Type: message/rfc822\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-ID: <\xff>\r\n",
    b"Content-Disposition: attachment; filename*=utf-8''%E4%\r\n",
    b'Content-Disposition: attachment; filename="=?x?q?=\r\n',
    b"Subject: =?utf-8?b?====?= =?no-such?q?x?=\r\n",
    b"Subject: \xe4\r\n",
    b"\r\n",
    b"--b\r\n",
    b"--b--\r\n",
    b"text =C3\r\n",
]


@given(st.lists(st.sampled_from(BROKEN), max_size=30).map(b"".join))
def test_mails_that_are_broken_on_purpose_can_be_read(raw: bytes) -> None:
    reading = read(raw)
    reading.html_page()
    assert orjson.dumps([reading.headers, reading.text, reading.html, [one.filename for one in reading.attachments]])


def test_a_mail_nested_beyond_reason_is_shown_as_its_source() -> None:
    raw = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(3000))
    assert read(raw).text is not None


def test_mails_go_with_their_age_and_ids_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now_ms()
    day, hour = timedelta(days=1), timedelta(hours=1)

    def pass_time(by: timedelta) -> None:
        nonlocal now
        now += by // timedelta(milliseconds=1)

    monkeypatch.setattr(clock, "now_ms", lambda: now)
    spool = Spool(tmp_path)
    fill(spool, range(1, 4))
    pass_time(2 * hour)
    fill(spool, range(4, 6))
    assert len(files(tmp_path)) == 2, "a file is written to for an hour"
    assert spool.prune(3 * hour) == 0
    pass_time(2 * hour)
    assert spool.older(3 * hour) == spool.prune(3 * hour) == 3
    assert (spool.raw(3), spool.raw(4)) == (None, sample(4, 1000))
    pass_time(day)
    assert spool.prune(day) == 2
    assert (spool.counts().kept, spool.counts().received) == (0, 5)
    spool.close()
    spool = Spool(tmp_path)
    assert spool.append([arrival(6)]) == 6
    assert spool.prune(timedelta(0)) == 0, "it is not older than it is"
    spool.close()
