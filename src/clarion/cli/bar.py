"""How far something is, on standard error: a live bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from clarion.cli.notes import is_quiet

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

#: Without a terminal a line is written at most this often.
_LINE_EVERY_S = 2.0


class Bar:
    """Shows so many of so many. Use it with ``with``; what it showed last stays."""

    def __init__(self, what: str, *, quiet: bool = False) -> None:
        """*what* is counted, e.g. ``mails``; *quiet* shows nothing."""
        self._what = what
        self._quiet = quiet or is_quiet()
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._said_at = 0.0
        self._said = ""

    def __enter__(self) -> Self:
        if not self._quiet and sys.stderr.isatty():
            self._progress = _progress()
            self._task = self._progress.add_task(self._what, total=None, note="")
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        elif self._said and kind is None:
            self._line(self._said)

    def at(self, done: int, whole: int | None, *, note: str = "") -> None:
        """It is at *done* of *whole* (None: nobody knows yet)."""
        if self._quiet:
            return
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, completed=done, total=whole, note=note)
            return
        of = f" of {whole:,}" if whole else ""
        self._said = f"{self._what}: {done:,}{of}" + (f" ({note})" if note else "")
        if time.monotonic() - self._said_at >= _LINE_EVERY_S:
            self._line(self._said)

    def _line(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)
        self._said_at = time.monotonic()
        self._said = ""


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
        console=Console(stderr=True),
        expand=True,
    )
