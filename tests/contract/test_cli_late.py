"""A child that is warmed up before its settings are known takes them from its parent, and ends when that is gone."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest
from tests.support.command import HOTEL, clarion

from clarion.cli.child import Child
from clarion.cli.late import environment
from clarion.errors import Unavailable


@pytest.mark.parametrize("command", ["api", "worker", "catcher"])
async def test_it_ends_when_nobody_is_left_to_tell(command: str, tmp_path: Path) -> None:
    done = await clarion(command, "--child", "--late", "--project", HOTEL, "--data-dir", tmp_path)
    assert (done.code, done.err) == (5, "clarion: The process that had started this one is gone.\n")


def test_what_is_told_replaces_what_a_file_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARION_SMTP_URL_FILE", "/somewhere")
    monkeypatch.setenv("CLARION_PORT", "1")
    reader, writer = os.pipe()
    os.write(writer, json.dumps({"CLARION_SMTP_URL": "smtp://here", "CLARION_PORT": "2"}).encode() + b"\nmore")
    monkeypatch.setattr("clarion.cli.late._STDIN", reader)
    told = environment()
    assert os.read(reader, 10) == b"more"  # whoever watches the parent reads on
    os.close(reader)
    os.close(writer)
    assert "CLARION_SMTP_URL_FILE" not in told
    assert (told["CLARION_SMTP_URL"], told["CLARION_PORT"]) == ("smtp://here", "2")


async def test_it_is_told_again_when_it_is_started_again(database: str, tmp_path: Path) -> None:
    command = ["worker", "--project", str(HOTEL), "--data-dir", str(tmp_path)]
    child = Child("worker 1", command, {"CLARION_SMTP_URL": "smtp://127.0.0.1:1"}, inherit=False)
    await child.warm()
    first = child.pid
    child.tell({"CLARION_DATABASE_URL": database, "CLARION_SECRET": "0123456789abcdef" * 2})
    for _ in range(2):
        assert (await child.start())["worker"]
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        assert await child.wait() == -signal.SIGKILL
    assert child.pid != first


async def test_one_that_cannot_start_says_so(tmp_path: Path) -> None:
    child = Child("worker 1", ["worker", "--project", str(HOTEL), "--data-dir", str(tmp_path)], {}, inherit=False)
    await child.warm()
    child.tell({"CLARION_DATABASE_URL": "postgresql://127.0.0.1:1/x"})
    with pytest.raises(Unavailable, match="ended with code 5 before it was ready"):
        await child.start()
