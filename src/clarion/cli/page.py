"""docs/reference/cli.md, written from the commands: ``python -m clarion.cli.page FILE``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from clarion.cli.main import app

_TOP = """\
# The command line

`clarion COMMAND --help` says what is said here. What people read is in tables; `--json` writes JSON for programs, lists
with one object a line. Answers go to standard output, progress and errors to standard error, so that pipes get answers
alone. With `-q` (`--quiet`) there are only answers and errors, with `--no-color`, or the variable `NO_COLOR`, no
colours: any command takes both, wherever they stand.

| exit status | means |
|---|---|
| 0 | it is done |
| 1 | it failed, or what was asked about is not as it should be |
| 2 | the command, a setting or a file given cannot be used |
| 3 | there is no such thing |
| 4 | no API key, or one that may not |
| 5 | a part that is needed is away; trying again later may help |
| 130 | interrupted |

**Where commands find the system.** Commands with `--url` ask the HTTP API: the one at `--url`, else the `clarion up`
that runs on the same data folder, else the one at the configured `host` and `port`. The key is that of `--api-key`,
else the configured `api_key` ([settings](settings.md)), else, for a `clarion up` on this data folder alone, the one it
keeps there. No key goes to another machine over plain HTTP, unless `--insecure` or the setting `insecure` allows it.
`apply`, `keys`, `tenants`, `webhooks`, `endpoints reseal`, `verify`, `migrate` and `doctor` work on the database
itself, `check` on the project folder alone, `import` on the files that it is given.
"""


def page() -> str:
    """The whole page as Markdown."""
    group: Any = typer.main.get_command(app)
    return "\n".join([_TOP, *_sections(group, "clarion")])


def _sections(group: Any, name: str) -> Iterator[str]:
    for key, command in group.commands.items():
        if getattr(command, "hidden", False):
            continue
        if hasattr(command, "commands"):
            yield from _sections(command, f"{name} {key}")
        else:
            yield "\n".join([f"## `{name} {key}`", "", _paragraph(command.help), "", *_parameters(command)])


def _paragraph(text: str) -> str:
    return " ".join(text.split())


def _parameters(command: Any) -> Iterator[str]:
    shown = [parameter for parameter in command.params if not getattr(parameter, "hidden", False)]
    if not shown:
        return
    yield "| | what it is |"
    yield "|---|---|"
    for parameter in shown:
        if "--help" not in parameter.opts:
            yield f"| {_name(parameter)} | {parameter.help}{_default(parameter)} |"
    yield ""


def _name(parameter: Any) -> str:
    if isinstance(parameter, typer.core.TyperArgument):
        return f"`{parameter.metavar or parameter.name.upper()}`"
    value = "" if parameter.is_flag else f" {parameter.metavar or _kind(parameter)}"
    return ", ".join(f"`{option}{value}`" for option in parameter.opts)


def _kind(parameter: Any) -> str:
    """What stands for the value: the last word of the option."""
    return str(parameter.opts[0].rpartition("-")[2].upper())


def _default(parameter: Any) -> str:
    default = parameter.default
    return "" if default is None or isinstance(default, (bool, list, tuple)) else f" Default: `{default}`."


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
