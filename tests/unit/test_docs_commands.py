"""Every command line that a page shows is one that there is, with options that it has."""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import Any

import pytest
import typer.main
from tests.support.docs import PAGES, ROOT, blocks

from clarion.cli.main import app

_NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]
#: Commands also stand in prose, and in units of systemd.
_IN_PROSE = re.compile(r"`(clarion [^`\n]+)`")
_IN_UNITS = re.compile(r"^ExecStart=\S*/(clarion .*)$", re.MULTILINE)


def _shown(text: str) -> list[str]:
    found = [*_IN_PROSE.findall(text), *_IN_UNITS.findall(text)]
    for block in blocks(text, "sh"):
        joined = block.replace("\\\n", " ")
        found += [match[1] for match in re.finditer(r"(?:^|[ /])(clarion (?:[a-z]|-).*)$", joined, re.MULTILINE)]
    return found


def _words(line: str) -> list[str]:
    """The words of a command line, as far as they are the command's own."""
    words = shlex.split(line, comments=True)[1:]
    for number, word in enumerate(words):
        if word in {"|", ">", "&&", ";"}:
            return words[:number]
    return words


@cache
def _everything() -> Any:
    """All commands: making them takes longer than all that is asked of them."""
    return typer.main.get_command(app)


def _command(words: list[str]) -> tuple[Any, list[str]]:
    """The command that *words* name, and what follows its name."""
    command = _everything()
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("name", _NAMES)
def test_every_command_line_is_one_that_there_is(name: str) -> None:
    for line in _shown((ROOT / name).read_text()):
        command, rest = _command(_words(line))
        assert not hasattr(command, "commands") or rest in ([], ["--help"], ["…"], ["COMMAND", "--help"]), (
            f"{name}: {line}"
        )
        has = {option for parameter in command.params for option in parameter.opts}
        used = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert used <= has | {"--help"}, f"{name}: {line}"


def test_there_are_many() -> None:
    lines = [line for name in _NAMES for line in _shown((ROOT / name).read_text())]
    assert len(lines) > 60
    assert {_words(line)[0] for line in lines} >= {
        "up",
        "api",
        "worker",
        "migrate",
        "apply",
        "check",
        "verify",
        "retry",
    }
