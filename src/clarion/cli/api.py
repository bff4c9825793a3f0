"""``clarion api``: one API process."""

from __future__ import annotations

import asyncio

from clarion.cli.options import Child, DataDir, Host, Port, Project


def api(
    project: Project = None, data_dir: DataDir = None, host: Host = None, port: Port = None, child: Child = False
) -> None:
    """Serve the HTTP API."""
    from clarion.app import open_api, open_database
    from clarion.cli.process import run, tell_parent
    from clarion.config import load_settings

    settings = load_settings({"project": project, "data_dir": data_dir, "host": host, "port": port})

    async def body(stopping: asyncio.Event) -> None:
        async with open_database(settings) as url, open_api(settings, url) as server, asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.run())
            await server.listening.wait()
            if child:
                tell_parent(port=server.port)
            waiting = tasks.create_task(stopping.wait())
            await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            server.stop()

    run(body, settings, name="api", child=child)
