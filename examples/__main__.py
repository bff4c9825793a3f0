"""`python -m examples`: run the examples, or what ``--only`` names, on real components; a line for each."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvloop

from examples.runner import Verdict, names, perform_all

#: Short: the address of a Unix socket below it has some hundred characters.
_PREFIX = "clarion-ex-"


def main() -> int:
    """Exit status 0 when both sides agree in all, 1 when some failed (or, with `CI` set, were skipped), 130 at ^C."""
    options = _options()
    try:
        with _folder(keep=options.keep) as folder:
            verdicts = uvloop.run(_perform(options, folder))
    except (KeyboardInterrupt, asyncio.CancelledError):
        _tell("stopped; everything that was started is ended")
        return 130
    bad = {Verdict.FAILED, Verdict.SKIPPED} if os.environ.get("CI") else {Verdict.FAILED}
    return 1 if bad & set(verdicts) else 0


async def _perform(options: argparse.Namespace, folder: Path) -> list[Verdict]:
    task = asyncio.current_task()
    assert task is not None
    # As Ctrl-C does: cancel, so that every `finally` on the way out ends what it started.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    wanted = options.only or names()
    return await perform_all(wanted, folder, small=options.small, tell=_tell, keep=options.keep)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    if keep:
        folder = tempfile.mkdtemp(prefix=_PREFIX)
        _tell(f"What is written stays in {folder}")
        yield Path(folder)
    else:
        with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder:
            yield Path(folder)


def _tell(words: str) -> None:
    print(words, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m examples", description=sys.modules[__name__].__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=names(), help=f"which: {', '.join(names())}")
    parser.add_argument("--small", action="store_true", help="the sizes of `make test`: seconds each")
    parser.add_argument("--keep", action="store_true", help="leave what is written, and say where it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
