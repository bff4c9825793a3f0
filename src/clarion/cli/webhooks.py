"""``clarion webhooks``: the endpoints of the settings, and whether they still want what is posted to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.options import DataDir, Json, Project

if TYPE_CHECKING:
    from clarion.config import Settings
    from clarion.queue.limits import Refused

app = typer.Typer(no_args_is_help=True, help="Endpoints of webhooks: list them, open one again.")

_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of the endpoint in the settings.")]


@app.command("list")
def list_(project: Project = None, data_dir: DataDir = None, json: Json = False) -> None:
    """List the endpoints, and which of them are paused or closed."""
    from clarion.cli.table import Column, write_list
    from clarion.config import load_settings

    settings = load_settings({"project": project, "data_dir": data_dir})
    held = _held_back(settings)
    items = []
    for endpoint in settings.webhooks:
        refused = held.get(endpoint.name)
        state = "open" if refused is None else "closed" if refused.closed else "paused"
        items.append(
            {
                "name": endpoint.name,
                "url": str(endpoint.destination),
                "secrets": len(endpoint.secrets),
                "state": state,
                "reason": refused.reason if refused else None,
            }
        )
    columns = [Column(name, name) for name in ("name", "url", "secrets", "state", "reason")]
    write_list(
        items, columns, as_json=json, empty="There are no endpoints: add a table [webhooks.NAME] to clarion.toml."
    )


@app.command("open")
def open_(name: _Name, project: Project = None, data_dir: DataDir = None) -> None:
    """Post to an endpoint again that is closed or paused.

    What was buried meanwhile stays buried until it is redriven.
    """
    import asyncio

    from clarion.cli.database import connected
    from clarion.config import load_settings
    from clarion.domain.suggest import did_you_mean
    from clarion.errors import NotFound
    from clarion.flows.publish import paces_of_webhook
    from clarion.queue import limits

    settings = load_settings({"project": project, "data_dir": data_dir})
    names = [endpoint.name for endpoint in settings.webhooks]
    if name not in names:
        raise NotFound(f"There is no endpoint {name!r} in the settings: {did_you_mean(name, names)}.")

    async def body() -> None:
        async with connected(settings) as connection:
            for pace in paces_of_webhook(name, names):
                await limits.lift(connection, pace)

    asyncio.run(body())


def _held_back(settings: Settings) -> dict[str, Refused]:
    """By endpoint: its pause."""
    import asyncio

    from clarion.cli.database import connected
    from clarion.flows.publish import paces_of_webhook
    from clarion.queue import limits

    names = [endpoint.name for endpoint in settings.webhooks]

    async def body() -> dict[str, Refused]:
        async with connected(settings) as connection:
            by_pace = {pace: name for name in names for pace in paces_of_webhook(name, names)}
            return {by_pace[pace]: held for pace, held in (await limits.paused(connection, list(by_pace))).items()}

    return asyncio.run(body()) if names else {}
