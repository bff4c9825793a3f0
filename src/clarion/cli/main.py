"""The list of commands, and how their errors are told."""

from __future__ import annotations

import sys

import typer

from clarion.cli import api, catcher, migrate, up, worker
from clarion.errors import ClarionError, ConfigError, NotFound, Unavailable

#: What a command's exit says: 0 ok, 1 failed, 2 usage, 3 not found, 4 unauthorised, 5 unavailable.
EXIT = {ConfigError: 2, NotFound: 3, Unavailable: 5}

app = typer.Typer(
    name="clarion",
    help="A self-hosted notification service: say what happened, and everyone who should hear of it does.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("api")(api.api)
app.command("worker")(worker.worker)
app.command("migrate")(migrate.migrate)
app.command("catcher", hidden=True)(catcher.catcher)


def run() -> None:
    """Run the command line; errors that Clarion raises on purpose become a line and an exit code."""
    try:
        app()
    except ClarionError as error:
        print(f"clarion: {error.message}", file=sys.stderr)
        sys.exit(next((code for kind, code in EXIT.items() if isinstance(error, kind)), 1))
