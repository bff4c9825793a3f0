"""`clarion up` on real processes: it comes up whole, heals, and leaves nothing behind, however it ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from tests.support import memory
from tests.support.command import HOTEL, Program, Up, answers, clarion, command_of, lives, until_answers
from tests.support.providers import MAIL_DOMAIN, MAIL_KEY, SIGNING_KEY
from tests.support.smtp_server import SmtpServer
from tests.support.wait import wait_until

from clarion.dev.fakes.mailgun import MailgunFake
from clarion.dev.guests import guests


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Data of PostgreSQL comes into it: in memory where that can be."""
    with memory.folder("clarion-up-") as folder:
        yield Path(folder)


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    """An empty project folder."""
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


async def test_an_empty_folder_is_enough_and_interrupting_it_leaves_nothing(tmp_path: Path, empty: Path) -> None:
    async with Up(tmp_path, "--project", empty) as up:
        assert answers(f"{up.address}/readyz") == 200
        assert "none yet: write workflows/<key>.yaml" in up.out
        assert "curl" not in up.out, "there is nothing yet that a trigger could name"
        assert {"api", "worker", "catcher"} <= set(up.commands())
        secrets = [empty / ".clarion" / name for name in ("running.json", "api-key", "secret")]
        assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
        up.signal(signal.SIGINT)
        assert await up.wait() == 0
        await up.is_gone(timeout=1)
        assert not (empty / ".clarion" / "running.json").exists()
        assert "Traceback" not in up.err


async def test_it_stops_in_order(tmp_path: Path, empty: Path) -> None:
    """The API first, the catcher last: nothing new comes in while what is there is finished."""
    async with Up(tmp_path, "--project", empty, "--processes", "2") as up:
        present = {one: command_of(one) for one in up.children() if command_of(one)}
        assert sorted(present.values()) == ["api", "catcher", "worker", "worker"]
        ended: list[str] = []
        up.signal(signal.SIGTERM)
        while present:
            for gone in [one for one in present if not lives(one)]:
                ended.append(present.pop(gone))
            await asyncio.sleep(0.002)
        assert ended == ["api", "worker", "worker", "catcher"]
        assert await up.wait() == 0
        await up.is_gone(timeout=1)


async def test_killing_it_at_work_leaves_no_process_and_loses_nothing(tmp_path: Path) -> None:
    data, people, second = tmp_path / "data", tmp_path / "people.jsonl", tmp_path / "second"
    people.write_text("\n".join(json.dumps(guest) for guest in guests(2_000)))
    second.mkdir()
    where = ("--project", HOTEL, "--data-dir", data)
    lease = {"CLARION_WORKER_LEASE": "2s"}
    async with Up(tmp_path, *where, **lease) as up:
        await clarion("recipients", "import", people, "--topic", "guests", *where)
        payload = ("--set", "name=x", "--set", "orderId=1", "--set", "message=m")
        id = (await clarion("trigger", "booking-confirmed", "--to", "topic:guests", *payload, "--json", *where)).json[
            "id"
        ]
        up.signal(signal.SIGKILL)
        assert await up.wait() == -signal.SIGKILL
        async with Up(second, *where, **lease) as again:  # at once: it must not fight with what is ending
            await up.is_gone(timeout=1)
            assert again.key == up.key
            watched = await clarion("triggers", id, "--watch", *where)
            assert watched.err.splitlines()[-1].endswith(": completed; 2,000 sent, 2,000 delivered")
            assert "promises hold" in (await clarion("verify", *where)).err


async def test_what_dies_is_started_again_where_it_was(tmp_path: Path, empty: Path) -> None:
    async with Up(tmp_path, "--project", empty) as up:
        caught = await up.says(r"Caught: +(\S+)/all")
        for command in ("api", "worker", "catcher"):
            before = up.child(command)
            before.kill()
            await wait_until(partial(_successor, up, command, before), 30, f"the {command} is back")
        await until_answers(f"{up.address}/readyz")
        await until_answers(f"{caught}/api/counts")
        assert up.err.count("process.died") == 3


async def test_a_second_one_on_the_same_data_says_so(tmp_path: Path, empty: Path) -> None:
    async with Up(tmp_path, "--project", empty) as up:
        second = await clarion("up", "--project", empty, "--port", "0")
        assert second.code == 2
        assert f"runs on {empty}/.clarion already, as process {up.pid}" in second.err
        assert "--data-dir" in second.err
        assert answers(f"{up.address}/readyz") == 200


async def test_a_port_in_use_is_told_before_anything_starts(tmp_path: Path, empty: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = await clarion("up", "--project", empty, "--port", port)
    assert refused.code == 2
    assert refused.err == (
        f"clarion: Clarion cannot listen on 127.0.0.1 port {port}: another program uses it."
        " Stop that one, or choose another port: --port 0 takes a free one.\n"
    )
    assert not (empty / ".clarion").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupting_its_start_leaves_nothing(tmp_path: Path, empty: Path, number: int) -> None:
    async with Program(tmp_path, "up", "--port", "0", "--project", empty) as up:
        await wait_until(lambda: "worker" in up.commands(), 30, "the worker is started")
        up.signal(number)
        assert await up.wait() == 0
        await up.is_gone(timeout=1)
        assert "Clarion is up" not in up.out
        assert "Traceback" not in up.err


async def test_mistakes_in_the_folder_are_told_before_anything_starts(tmp_path: Path, empty: Path) -> None:
    (empty / "workflows").mkdir()
    (empty / "workflows" / "hello.yaml").write_text("key: hello\nstepz: []\n")
    refused = await clarion("up", "--project", empty, "--port", "0")
    assert refused.code == 2
    assert "workflows/hello.yaml:2:1: " in refused.err
    assert not (empty / ".clarion" / "postgres").exists()


async def test_it_uses_the_database_and_the_mail_server_that_are_configured(
    tmp_path: Path, empty_database: str
) -> None:
    url = tmp_path / "database-url"  # by file, as secrets are mounted: its processes must not be told twice
    url.write_text(empty_database)
    async with SmtpServer() as server:
        settings = {"CLARION_DATABASE_URL_FILE": str(url), "CLARION_SMTP_URL": f"smtp://127.0.0.1:{server.port}"}
        async with Up(tmp_path, "--project", HOTEL, "--data-dir", tmp_path / "data", **settings) as up:
            assert up.commands() == ["api", "worker"]
            assert "Caught" not in up.out
            asked = ("--url", up.address, "--api-key", up.key, "--payload", "-", "--watch")
            payload = json.dumps({"name": "Ada", "orderId": "1", "message": "Hello"})
            done = await clarion("trigger", "booking-confirmed", "--to", "ada@example.com", *asked, stdin=payload)
            assert done.code == 0, done.err
            assert [mail.recipient for mail in server.accepted] == ["ada@example.com"]


async def test_where_an_account_carries_mail_none_is_caught(tmp_path: Path, empty_database: str) -> None:
    async with MailgunFake(domain=MAIL_DOMAIN, api_key=MAIL_KEY, signing_key=SIGNING_KEY) as mailgun:
        keys = {"domain": MAIL_DOMAIN, "api_key": MAIL_KEY, "signing_key": SIGNING_KEY}
        accounts = json.dumps({"main": {"kind": "mailgun", "base_url": mailgun.url, **keys}})
        settings = {"CLARION_DATABASE_URL": empty_database, "CLARION_PROVIDERS": accounts}
        async with Up(tmp_path, "--project", HOTEL, "--data-dir", tmp_path / "data", **settings) as up:
            assert up.commands() == ["api", "worker"]
            asked = ("--url", up.address, "--api-key", up.key, "--payload", "-", "--watch")
            payload = json.dumps({"name": "Ada", "orderId": "1", "message": "Hello"})
            to = ("trigger", "booking-confirmed", "--to", "ada@example.com")
            done = await clarion(*to, *asked, stdin=payload)
            assert done.code == 0, done.err
        assert [message.to for message in mailgun.taken] == ["ada@example.com"]


async def test_what_is_saved_is_published(tmp_path: Path, empty: Path) -> None:
    async with Up(tmp_path, "--project", empty) as up:
        (empty / "templates" / "hello").mkdir(parents=True)
        (empty / "templates" / "hello" / "in_app.txt").write_text("---\ntitle: Hello\n---\nHello {{ payload.name }}\n")
        (empty / "workflows").mkdir()
        (empty / "workflows" / "hello.yaml").write_text("key: hello\ncategory: x\nsteps:\n  - channel: in_app\n")
        await up.says("workflow.published.*workflow=hello")
        done = await clarion(
            "trigger", "hello", "--to", "ada@example.com", "--set", "name=Ada", "--watch", "--project", empty
        )
        assert done.code == 0, done.err
        (empty / "bindings").mkdir()
        (empty / "bindings" / "again.yaml").write_text(
            "on: timer.fired\ndo: [{trigger: {workflow: hello, recipients: [{id: data.key}], payload: data.payload}}]\n"
        )
        await up.says("binding.published.*binding=again")
        (empty / "workflows" / "hello.yaml").write_text("key: hello\nsteps: [\n")
        await up.says("project.not_published")
        assert answers(f"{up.address}/readyz") == 200


def _successor(up: Up, command: str, before: psutil.Process) -> bool:
    return any(one != before and command_of(one) == command for one in up.children())
