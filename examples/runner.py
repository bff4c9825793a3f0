"""Runs examples one after the other, and says a line for each."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from pathlib import Path

from tests.support.server import Missing

from examples.line import Line
from examples.stage import HOME, Stage

Run = Callable[[Stage, bool], Awaitable[Line]]


class Verdict(StrEnum):
    """How an example went."""

    OK = "ok"
    FAILED = "FAILED"
    SKIPPED = "skipped"


def names() -> list[str]:
    """The examples that can be run: those whose folder has a ``run.py``."""
    return sorted(path.parent.name for path in HOME.glob("*/run.py"))


def load(name: str) -> Run:
    """The function `run` of an example."""
    spec = importlib.util.spec_from_file_location(f"examples.{name.replace('-', '_')}", HOME / name / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for the names in their annotations
    spec.loader.exec_module(module)
    run: Run = module.run
    return run


async def perform(name: str, folder: Path, *, small: bool, tell: Callable[[str], None]) -> Line:
    """Run one, with everything it writes below *folder*."""
    async with Stage(folder, tell) as stage:
        return await load(name)(stage, small)


async def perform_all(
    wanted: Sequence[str], folder: Path, *, small: bool, tell: Callable[[str], None], keep: bool
) -> list[Verdict]:
    """Run those *wanted*; tell a line for each, with what differs below it. One that fails keeps no other from it."""
    width = max(map(len, wanted), default=0)
    verdicts = []
    for number, name in enumerate(wanted):
        if sys.stderr.isatty():
            print(f"{name} …", end="\r", file=sys.stderr, flush=True)  # the line follows in its place
        try:
            line = await perform(name, folder / str(number), small=small, tell=tell)
        except Missing as missing:
            verdicts.append(Verdict.SKIPPED)
            tell(f"{name:{width}}  skipped: {missing}")
        except Exception as error:
            verdicts.append(Verdict.FAILED)
            tell(f"{name:{width}}  FAILED: {type(error).__name__}: {error}")
            if keep:
                tell(traceback.format_exc())
        else:
            verdicts.append(Verdict.FAILED if line.differences else Verdict.OK)
            tell("\n".join([f"{name:{width}}  {line}", *(f"    {one}" for one in line.differences)]))
    return verdicts
