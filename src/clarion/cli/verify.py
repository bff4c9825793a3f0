"""``clarion verify``: whether every promise holds, over the rows of a system that may be running."""

from __future__ import annotations

import typer

from clarion.cli.options import DataDir, Insecure, Json, Project


def verify(project: Project = None, data_dir: DataDir = None, insecure: Insecure = None, json: Json = False) -> None:
    """Check every promise against the rows, in one snapshot.

    The system may be running. Exits with 1 when a promise does not hold.
    """
    import asyncio

    from clarion.cli.database import connected
    from clarion.cli.notes import note
    from clarion.cli.table import Column, write_list
    from clarion.config import load_settings, wants_colour
    from clarion.flows import verify as promises
    from clarion.logs import configure

    settings = load_settings({"project": project, "data_dir": data_dir, "insecure": insecure})

    async def body() -> list[promises.Violation]:
        async with connected(settings) as connection:
            return await promises.verify(connection, lease=settings.worker.lease)

    configure(format=settings.log_format, level="error", process="verify", colour=wants_colour())
    broken = [
        {"rule": one.rule, "says": one.says, "count": one.count, "examples": list(one.examples)}
        for one in asyncio.run(body())
    ]
    columns = [
        Column("rule", "rule"),
        Column("rows", "count", right=True),
        Column("should be so", "says"),
        Column("for example", lambda one: ", ".join(one["examples"])),
    ]
    if broken:
        write_list(broken, columns, as_json=json, empty="")
    note(_summary(len(broken), len(promises.SAYS)))
    if broken:
        raise typer.Exit(1)


def _summary(broken: int, all: int) -> str:
    if not broken:
        return f"All {all} promises hold."
    return f"{broken} of {all} promises {'does' if broken == 1 else 'do'} not hold."
