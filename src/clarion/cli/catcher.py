"""``clarion catcher``: the mail catcher of ``up`` and ``demo``, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.options import Child, DataDir, Late, Project

if TYPE_CHECKING:
    import asyncio

_SmtpPort = Annotated[int, typer.Option("--smtp-port", help="Where to take mail; 0 takes a free port.")]
_HttpPort = Annotated[int, typer.Option("--http-port", help="Where to show it; 0 takes a free port.")]


def catcher(
    project: Project = None,
    data_dir: DataDir = None,
    smtp_port: _SmtpPort = 0,
    http_port: _HttpPort = 0,
    child: Child = False,
    late: Late = False,
) -> None:
    """Take mails and show them instead of delivering them."""
    from clarion.cli.late import environment
    from clarion.cli.process import run, tell_parent
    from clarion.config import load_settings
    from clarion.dev.catcher import Catcher

    settings = load_settings({"project": project, "data_dir": data_dir}, environment() if late else None)

    async def body(stopping: asyncio.Event) -> None:
        keep_for = settings.retention.caught_mails
        async with Catcher(settings.data_dir / "caught", "127.0.0.1", smtp_port, http_port, keep_for=keep_for) as one:
            if child:
                tell_parent(smtp_port=one.smtp_port, http_port=one.http_port)
            else:
                print(f"Mail to {one.smtp_url} is shown at {one.http_url}", flush=True)
            await stopping.wait()

    run(body, settings, name="catcher", child=child)
