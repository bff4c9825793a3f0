"""A child that is started before its settings are known: it loads what it needs meanwhile, which takes the longest."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping

from clarion.errors import Unavailable

_STDIN = 0


def environment(*modules: str) -> Mapping[str, str]:
    """Import *modules*; then our environment, with what the parent says in one line of JSON on standard input.

    Raises `Unavailable` when the parent is gone instead.
    """
    for module in modules:
        importlib.import_module(module)
    told: dict[str, str] = json.loads(_line())
    files = {f"{name}_FILE" for name in told}  # a setting must not be given twice
    return {name: value for name, value in os.environ.items() if name not in files} | told


def _line() -> bytes:
    """The first line; not a byte more, as whoever watches the parent reads on."""
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(_STDIN, 1)
        if not byte:
            raise Unavailable("The process that had started this one is gone.")
        line += byte
    return line
