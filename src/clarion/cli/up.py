"""``clarion up``: everything, in one process tree."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from clarion.cli.options import DataDir, Host, Port, Processes, Project

if TYPE_CHECKING:
    from clarion.cli.system import System


def up(
    project: Project = None,
    data_dir: DataDir = None,
    host: Host = None,
    port: Port = None,
    processes: Processes = None,
) -> None:
    """Run everything: API, workers, and what is not configured: an embedded PostgreSQL, a mail catcher."""
    from clarion.cli.process import run
    from clarion.cli.system import System
    from clarion.config import load_settings

    settings = load_settings(
        {"project": project, "data_dir": data_dir, "host": host, "port": port, "worker.processes": processes}
    )

    async def body(stopping: asyncio.Event) -> None:
        async with System(settings) as system:
            print(_welcome(system), flush=True)
            await system.watch(stopping)

    run(body, settings, name="up")


def _welcome(system: System) -> str:
    lines = ["", f"  Clarion is up: {system.address}", ""]
    if system.catcher_address:
        lines.append(f"  Caught mail:   {system.catcher_address}")
    lines += [
        f"  API:           {system.address}/openapi.json",
        f"  API key:       {system.api_key}",
        f"  Workflows:     {', '.join(system.workflows) or 'none yet: write workflows/<key>.yaml'}",
        "",
        "  Try it:",
        "",
        *(f"    {line}" for line in system.curl()),
        "",
        "  ^C stops everything.",
        "",
    ]
    return "\n".join(lines)
