"""``clarion catcher``: the mail catcher of ``up`` and ``demo``, in a process of its own."""

from __future__ import annotations

import asyncio

from clarion.cli.options import Child, DataDir, Host, Project


def catcher(project: Project = None, data_dir: DataDir = None, host: Host = None, child: Child = False) -> None:
    """Take mails and show them instead of delivering them."""
    from clarion.cli.process import run, tell_parent
    from clarion.config import load_settings
    from clarion.dev.catcher import Catcher

    settings = load_settings({"project": project, "data_dir": data_dir, "host": host})

    async def body(stopping: asyncio.Event) -> None:
        async with Catcher(settings.data_dir / "caught", "127.0.0.1") as one:
            if child:
                tell_parent(smtp_port=one.smtp_port, http_port=one.http_port)
            await stopping.wait()

    run(body, settings, name="catcher", child=child)
