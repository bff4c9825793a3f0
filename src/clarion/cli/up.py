"""``clarion up``: everything, in one process tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clarion.cli.options import DataDir, Host, Insecure, Port, Processes, Project

if TYPE_CHECKING:
    import asyncio

    from clarion.cli.running import Running


def up(
    project: Project = None,
    data_dir: DataDir = None,
    host: Host = None,
    port: Port = None,
    processes: Processes = None,
    insecure: Insecure = None,
) -> None:
    """Run everything: API, workers, and what is not configured.

    Without a database address it runs an embedded PostgreSQL. Without a mail server it catches mails and shows them,
    and text, push and chat messages too unless there is an account for them, and webhooks that would leave this
    machine. What is saved in the project folder is published. ^C stops all of it.
    """
    from clarion.cli.port import check_free
    from clarion.cli.process import run
    from clarion.cli.system import System
    from clarion.config import load_settings
    from clarion.wires import refuse
    from clarion.worker.waiting import unless

    given = {"project": project, "data_dir": data_dir, "host": host, "port": port, "insecure": insecure}
    settings = load_settings(given | {"worker.processes": processes})
    refuse(settings)

    async def body(stopping: asyncio.Event) -> None:
        async with System(settings) as system:
            running = await unless(stopping, system.start())
            if running is not None:
                print(_welcome(running, system.workflows, system.sample), flush=True)
                await system.watch(stopping)

    check_free(settings.host, settings.port)
    run(body, settings, name="up")


def _welcome(running: Running, workflows: list[str], sample: str) -> str:
    caught = [f"  Caught:        {running.catcher}/all"] if running.catcher else []
    lines = [
        "",
        f"  Clarion is up: {running.address}",
        "",
        *caught,
        f"  API:           {running.address}/openapi.json",
        f"  API key:       {running.api_key}",
        f"  Workflows:     {', '.join(workflows) or 'none yet: write workflows/<key>.yaml'}",
        "",
        *(
            ["  Try it:", "", *(f"    {line}" for line in _curl(running, workflows[0], sample)), ""]
            if workflows
            else []
        ),
        "  ^C stops everything.",
        "",
    ]
    return "\n".join(lines)


def _curl(running: Running, workflow: str, body: str) -> list[str]:
    """A command that can be pasted into a terminal: it triggers *workflow* for one person."""
    return [
        f"curl -X POST {running.address}/v1/workflows/{workflow}/trigger \\",
        f"  -H 'Authorization: Bearer {running.api_key}' -H 'Content-Type: application/json' \\",
        f"  -d '{body}'",
    ]
