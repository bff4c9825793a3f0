"""Ending the programs of the examples: it takes no longer than it may, whatever they do."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from examples.peer import Peer

DEAF = """
import json, os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session={apart})
print(json.dumps({{"pid": os.getpid(), "child": child.pid}}), flush=True)
time.sleep(60)
"""


async def start(folder: Path, text: str) -> Peer:
    script = folder / "peer.py"
    script.write_text(text)
    return await Peer.start(Path(sys.executable), script, env={})


@pytest.mark.parametrize("apart", [False, True], ids=["a child of its group", "a child in a session of its own"])
async def test_a_peer_that_will_not_end_is_killed(tmp_path: Path, apart: bool) -> None:
    """Also where a child of it goes on and holds its pipes, so that nothing says that it has ended."""
    peer = await start(tmp_path, DEAF.format(apart=apart))
    child = await peer.tells("child")
    began = time.monotonic()
    try:
        async with asyncio.timeout(20):
            await peer.stop(patience_s=0.5)
    finally:
        if apart:
            os.kill(child, signal.SIGKILL)
    assert time.monotonic() - began < 5
    assert not peer.alive


async def test_a_peer_that_ends_when_it_is_asked_is_not_waited_for(tmp_path: Path) -> None:
    peer = await start(tmp_path, "import time\nprint('{\"up\": true}', flush=True)\ntime.sleep(60)\n")
    await peer.tells("up")
    began = time.monotonic()
    await peer.stop()
    assert time.monotonic() - began < 5
    assert not peer.alive
    await peer.stop()  # a second time it does nothing


async def test_a_peer_that_was_given_up_can_still_be_stopped(tmp_path: Path) -> None:
    peer = await start(tmp_path, "import time\ntime.sleep(60)\n")
    with pytest.raises(TimeoutError):
        await peer.ended(timeout=0.2)
    await peer.stop()
    assert not peer.alive
