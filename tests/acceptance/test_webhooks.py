"""Webhooks of recipients under `clarion up`: from the command line to a receiver on this machine, and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from standardwebhooks import Webhook
from tests.support import memory
from tests.support.command import Up, clarion
from tests.support.endpoint import EndpointServer
from tests.support.project import build
from tests.support.wait import wait_until

FILES = {"workflows/shipped.yaml": "steps:\n  - {channel: webhook, type: order.shipped, data: {order: payload.id}}\n"}


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Data of PostgreSQL comes into it: in memory where that can be."""
    with memory.folder("clarion-hooks-") as folder:
        yield Path(folder)


async def test_up_posts_to_a_receiver_on_this_machine(tmp_path: Path) -> None:
    project = build(tmp_path / "project", FILES)
    async with EndpointServer() as receiver, Up(tmp_path, "--project", project) as up:
        where = ("--url", up.address, "--api-key", up.key)
        people = tmp_path / "people.csv"
        people.write_text("id\nshop\n")
        assert (await clarion("recipients", "import", people, *where)).code == 0
        url = f"http://127.0.0.1:{receiver.port}/hook"
        made = (await clarion("endpoints", "add", "shop", url, "--json", *where)).json
        assert (await clarion("endpoints", "test", "shop", made["id"], *where)).code == 0
        sent = await clarion("trigger", "shipped", "--to", "shop", "--set", "id=o1", *where)
        assert sent.code == 0, sent
        await wait_until(lambda: len(receiver.posted) == 2, 20, "the receiver to be told")
        said = Webhook(made["secret"]).verify(receiver.posted[1].body, receiver.posted[1].headers)
        assert (said["type"], said["data"]) == ("order.shipped", {"order": "o1"})
        assert made["secret"] not in up.out + up.err
