"""The scripts that move jobs: BullMQ's own, for one job each, and ours around them, for many.

What a job's state is in Redis, BullMQ's scripts say, and nothing here says it again: ours have a line
``--{moveToActive-11}`` where the text of the script of that name stands when they run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from clarion.errors import ConfigError

_OURS = Path(__file__).parent / "lua"
_INCLUDE = re.compile(r"^--\{(.+)\}$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Script:
    """One script, and the name by which Redis keeps it."""

    text: str
    sha: str


@cache
def ours(name: str) -> Script:
    """The script *name* from the folder beside this file, with BullMQ's in it. Raises `ConfigError` without BullMQ."""
    text = (_OURS / f"{name}.lua").read_text()
    return _script(_INCLUDE.sub(lambda found: _bullmq_text(found[1]), text))


@cache
def bullmqs(name: str) -> Script:
    """BullMQ's script *name*, e.g. ``extendLocks-1``."""
    return _script(_bullmq_text(name))


def _script(text: str) -> Script:
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def _bullmq_text(name: str) -> str:
    return (_folder() / f"{name}.lua").read_text()


@cache
def _folder() -> Path:
    """Where the package keeps its scripts. It is not imported: that takes long, and nothing else of it is used."""
    found = importlib.util.find_spec("bullmq")
    if found is None or not found.submodule_search_locations:
        raise ConfigError("queues of BullMQ need the package bullmq: install clarion[bullmq]")
    return Path(found.submodule_search_locations[0]) / "commands"
