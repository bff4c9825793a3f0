"""``clarion api``: one API process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clarion.cli.options import Child, DataDir, Host, Port, Project

if TYPE_CHECKING:
    import asyncio


def api(
    project: Project = None, data_dir: DataDir = None, host: Host = None, port: Port = None, child: Child = False
) -> None:
    """Serve the HTTP API."""
    import asyncio

    from clarion.app import open_api, open_database
    from clarion.cli.database import connect
    from clarion.cli.port import check_free
    from clarion.cli.process import run, tell_parent
    from clarion.config import load_settings

    settings = load_settings({"project": project, "data_dir": data_dir, "host": host, "port": port})

    async def body(stopping: asyncio.Event) -> None:
        async with open_database(settings) as url:
            async with connect(url):
                pass  # says what is wrong with an address
            async with open_api(settings, url) as server, asyncio.TaskGroup() as tasks:
                serving = tasks.create_task(server.run())
                await server.listening.wait()
                if child:
                    tell_parent(port=server.port)
                waiting = tasks.create_task(stopping.wait())
                await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                server.stop()

    check_free(settings.host, settings.port)
    run(body, settings, name="api", child=child)
