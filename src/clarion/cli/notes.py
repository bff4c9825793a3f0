"""What commands say beside their answers, on standard error: nothing where they were asked to be quiet."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_QUIET: Final = ("-q", "--quiet")
_PLAIN: Final = "--no-color"


@dataclass(slots=True)
class _Asked:
    """What this one command was asked for."""

    quiet: bool = False


_asked = _Asked()


def is_quiet() -> bool:
    """Whether neither notes nor progress are wanted."""
    return _asked.quiet


def note(text: str) -> None:
    """Say *text*, unless nothing but answers and errors is wanted."""
    if not _asked.quiet:
        print(text, file=sys.stderr, flush=True)


def take_common(words: Sequence[str]) -> list[str]:
    """Heed the options that all commands have, wherever they stand before ``--``; the other *words*.

    They are no parameters of each command: there are eighty, and each that is declared takes its time at every start.
    """
    end = words.index("--") if "--" in words else len(words)
    own = [word for word in words[:end] if word not in (*_QUIET, _PLAIN)]
    _asked.quiet = any(word in _QUIET for word in words[:end])
    if _PLAIN in words[:end]:
        os.environ["NO_COLOR"] = "1"  # what rich and our own logs go by, and what a process that is started inherits
    return [*own, *words[end:]]
