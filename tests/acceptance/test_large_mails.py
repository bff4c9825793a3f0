"""Mails that are too large, over HTTP and through a worker of its own: refused before the SMTP server is asked.

What is as large as may be goes through. How much memory the worker takes for it is measured.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Program
from tests.support.house import House, open_house
from tests.support.project import build

from clarion.domain.attachment import Rules

MIB = 1 << 20
#: What may be attached: enough for a mail of more than 60 MB.
LARGEST = 45 * MIB
FILES = {
    "workflows/file.yaml": "expires_after: 1h\nattempts: 1\nsteps: [{channel: email}]\n",
    "templates/file/email.html": "---\nsubject: Your file\n---\n<p>Dear {{ recipient.name }}</p>\n",
    "workflows/words.yaml": "expires_after: 1h\nattempts: 1\nsteps: [{channel: email}]\n",
    "templates/words/email.html": "---\nsubject: Words\n---\n"
    "{% for n in (1..300) %}<p>{{ payload.text }}</p>{% endfor %}\n",
    "clarion.toml": '[email]\nfrom = "Shop <shop@shop.example>"\n',
}


def peak_mb(pid: int) -> float:
    """The most memory that a process has had, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


@pytest.fixture
async def house(database: str, tmp_path: Path) -> AsyncIterator[tuple[House, Program]]:
    """The API and an SMTP server here, the worker a process of its own."""
    project = build(tmp_path / "project", FILES)
    services = {"attachments": Rules(largest=LARGEST)}
    async with open_house(database, project=project, services=services, run=False) as house:
        settings = {
            "CLARION_DATABASE_URL": database,
            "CLARION_SMTP_URL": f"smtp://127.0.0.1:{house.smtp.port}?max_size={30 * MIB}",
            "CLARION_ATTACHMENTS_LARGEST": str(LARGEST),
        }
        async with Program(tmp_path, "worker", "--project", project, **settings) as worker:
            await worker.says("worker.started")
            yield house, worker


async def attached(house: House, content: bytes, people: int) -> str:
    """The id of a trigger for so many people, whose mails have a file with *content*."""
    reply = await house.api.call("POST", "/v1/attachments?name=film.bin", raw=content)
    assert reply.status == 201, reply
    recipients = [{"id": f"p{n}", "name": f"P{n}", "email": f"p{n}@x.example"} for n in range(people)]
    return await house.trigger({"recipients": recipients, "attachments": [{"id": reply.json["id"]}]}, "file")


async def reasons(house: House, trigger: str) -> set[tuple[str, Any]]:
    return {(one["status"], one["reason"]) for one in (await house.messages(trigger)).values()}


async def test_mails_of_60_mb_are_refused_before_the_server_is_asked(house: tuple[House, Program]) -> None:
    (system, worker) = house
    before = peak_mb(worker.pid)
    too_large = await attached(system, bytes(LARGEST), 3)
    await system.finished(too_large, timeout_s=60)
    ((status, reason),) = await reasons(system, too_large)
    assert (status, reason.partition(":")[0]) == ("failed", "too_large"), reason
    words = await system.trigger(
        {"recipients": [{"email": "w@x.example"}], "payload": {"text": "x" * 200_000}}, "words"
    )
    await system.finished(words, timeout_s=60)
    ((status, reason),) = await reasons(system, words)
    assert (status, reason.partition(":")[0]) == ("failed", "too_large"), reason
    assert (system.smtp.accepted, system.smtp.commands["MAIL"], system.smtp.commands["DATA"]) == ([], 0, 0)
    assert peak_mb(worker.pid) - before < 250, "the file and what it is made into, and little else"

    good = await attached(system, bytes(20 * MIB), 6)
    await system.finished(good, timeout_s=60)
    assert await reasons(system, good) == {("sent", None)}
    assert {mail.recipient for mail in system.smtp.accepted} == {f"p{n}@x.example" for n in range(6)}
    assert all(mail.size > 27 * MIB for mail in system.smtp.accepted)
    assert peak_mb(worker.pid) - before < 250
    await system.check()


@pytest.mark.torture
async def test_a_list_of_mails_with_large_files_of_their_own_takes_no_more(house: tuple[House, Program]) -> None:
    """Each invoice is another file: forty at once, of 12 MiB, would be 1.2 GB if all were in hand."""
    (system, worker) = house
    before = peak_mb(worker.pid)
    await system.post("/v1/queues/email/pause")
    triggers = [await attached(system, bytes([number]) * (12 * MIB), 1) for number in range(40)]
    await system.post("/v1/queues/email/resume")
    for trigger in triggers:
        await system.finished(trigger, timeout_s=120)
        assert await reasons(system, trigger) == {("sent", None)}
    assert len(system.smtp.accepted) == 40
    print(f"a worker with forty mails of 16 MB: {before:.0f} MB before, {peak_mb(worker.pid):.0f} MB at most")
    assert peak_mb(worker.pid) - before < 400
    await system.check()
