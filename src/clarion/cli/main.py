"""The list of commands, and how their errors are told."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from inspect import getdoc
from typing import Annotated

import typer

from clarion.cli import (
    addresses,
    api,
    apply,
    bindings,
    catcher,
    chats,
    check,
    demo,
    devices,
    dkim,
    doctor,
    endpoints,
    import_,
    keys,
    limits,
    messages,
    migrate,
    preview,
    providers,
    prune,
    quarantine,
    queues,
    recipients,
    retry,
    runs,
    schedules,
    sources,
    suppressions,
    tail,
    tenants,
    timers,
    topics,
    trigger,
    triggers,
    up,
    vapid,
    verify,
    webhooks,
    worker,
)
from clarion.cli.notes import take_common
from clarion.cli.refused import Refused, Unauthorised
from clarion.errors import ClarionError, ConfigError, Invalid, NotFound, Unavailable

#: What a command's exit says: 0 ok, 1 failed, 2 usage, 3 not found, 4 unauthorised, 5 unavailable.
EXIT = {ConfigError: 2, Invalid: 2, NotFound: 3, Unauthorised: 4, Unavailable: 5}
#: As shells tell a program that was interrupted: 128 and the number of the signal.
INTERRUPTED = 130

app = typer.Typer(
    name="clarion",
    help="A self-hosted notification service: say what happened, and everyone who should hear of it does.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: rich would take half of the time that a start may take
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from clarion import __version__

        print(f"clarion {__version__}")
        raise typer.Exit


@app.callback()
def _clarion(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Show the version and exit.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing but answers and errors. Wherever it stands.")
    ] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours, as with NO_COLOR. Wherever it stands.")
    ] = False,
) -> None:
    """`take_common` has heeded the last two: here they are for the list of what there is."""


app.command("up")(up.up)
app.command("api")(api.api)
app.command("worker")(worker.worker)
app.command("migrate")(migrate.migrate)
app.command("check")(check.check)
app.command("apply")(apply.apply)
app.command("trigger")(trigger.trigger)
app.command("preview")(preview.preview)
app.command("triggers")(triggers.triggers)
app.command("runs")(runs.runs)
app.command("messages")(messages.messages)
app.command("retry")(retry.retry)
app.command("queues")(queues.queues)
app.add_typer(providers.app, name="providers")
app.add_typer(timers.app, name="timers")
app.command("bindings")(bindings.bindings)
app.command("sources")(sources.sources)
app.command("tail")(tail.tail)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(schedules.app, name="schedules")
app.command("prune")(prune.prune)
app.add_typer(topics.app, name="topics")
app.add_typer(recipients.app, name="recipients")
app.add_typer(addresses.app, name="addresses")
app.add_typer(devices.app, name="devices")
app.add_typer(chats.app, name="chats")
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(suppressions.app, name="suppressions")
app.add_typer(tenants.app, name="tenants")
app.add_typer(keys.app, name="keys")
app.add_typer(webhooks.app, name="webhooks")
app.add_typer(dkim.app, name="dkim")
app.command("vapid")(vapid.vapid)
app.add_typer(limits.app, name="limits")
app.add_typer(import_.app, name="import")
app.command("verify")(verify.verify)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)
app.command("catcher", hidden=True)(catcher.catcher)


def run() -> None:
    """Run the command line; errors that Clarion raises on purpose become a few lines and an exit code."""
    sys.argv[1:] = take_common(sys.argv[1:])
    _spare(sys.argv[1:])
    try:
        app()
    except ClarionError as error:
        print("\n".join(_lines(error)), file=sys.stderr)
        sys.exit(_exit_code(error))
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _spare(words: Sequence[str]) -> None:
    """Take out of `app` what *words* do not ask for: reading all options of all commands takes longer than all else."""
    first = words[0] if words else "--help"
    if first in {"--help", "-h", "--version"}:  # the list shows names and what they do
        for command in app.registered_commands:
            command.help = getdoc(command.callback)
            command.callback = _nothing
        for group in app.registered_groups:
            if group.typer_instance is not None:
                group.typer_instance.registered_commands = []
    elif first in {one.name for one in app.registered_commands} | {one.name for one in app.registered_groups}:
        app.registered_commands = [one for one in app.registered_commands if one.name == first]
        app.registered_groups = [one for one in app.registered_groups if one.name == first]
    # Else it is mistyped, and the nearest of all is told.


def _nothing() -> None:
    pass


def _lines(error: ClarionError) -> list[str]:
    if isinstance(error, Refused):
        return error.lines()
    lines = [f"clarion: {error.message}"]
    if isinstance(error, Invalid):
        lines += [f"  {fault.pointer}: {fault.detail}" for fault in error.faults]
    return lines


def _exit_code(error: ClarionError) -> int:
    if isinstance(error, Refused):
        return error.exit_code
    return next((code for kind, code in EXIT.items() if isinstance(error, kind)), 1)
