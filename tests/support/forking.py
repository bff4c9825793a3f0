"""The program of `tests.support.nursery`: it has imported everything, and forks itself for each process asked for.

``python -m tests.support.forking FD``: each message on the socket FD is a JSON object (``module``, ``arguments``,
``environment``, ``cwd``, and whether it runs ``as_program``, like ``python -m``, or its ``main`` is called) with four
descriptors: standard input, output and error of the new process, and where to say its pid, and later how it ended, a
line each. When the socket ends, so do all processes, and this one.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import tempfile
import traceback
from contextlib import suppress
from typing import Any

#: Longer than any message: an environment and a few arguments.
LONGEST = 1 << 17


def _main() -> None:
    _import_everything()
    gc.freeze()  # what is shared with the children stays shared
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a ^C is for those who asked
    _Forker(socket.socket(fileno=int(sys.argv[1]))).run()


def _import_everything() -> None:
    import clarion

    for module in pkgutil.walk_packages(clarion.__path__, "clarion."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("tests.support.crashing", "tests.support.mutations", "tests.support.smtp_server", "uvloop", "uvicorn"):
        importlib.import_module(name)


class _Forker:
    def __init__(self, asked: socket.socket) -> None:
        self._asked = asked
        #: Where to say how a child ended, by its pid.
        self._children: dict[int, int] = {}
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        self._wake = wake
        signal.set_wakeup_fd(wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> None:
        while True:
            ready, _, _ = select.select([self._asked.fileno(), self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if self._asked.fileno() in ready:
                message, descriptors, _, _ = socket.recv_fds(self._asked, LONGEST, 4)
                if not message:
                    break
                self._fork(json.loads(message), descriptors)
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            _say(self._children.pop(pid), os.waitstatus_to_exitcode(status))

    def _fork(self, asked: dict[str, Any], descriptors: list[int]) -> None:
        *standard, status = descriptors
        pid = os.fork()
        if pid == 0:
            self._become(asked, standard, [*descriptors, *self._children.values()])
        for descriptor in standard:
            os.close(descriptor)
        self._children[pid] = status
        with suppress(BrokenPipeError):
            os.write(status, b"%d\n" % pid)

    def _become(self, asked: dict[str, Any], standard: list[int], others: list[int]) -> None:
        """In the child: be the process that was asked for, and end as it ends."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            for number, descriptor in enumerate(standard):
                os.dup2(descriptor, number)
            for descriptor in [*others, self._woken, self._wake]:
                os.close(descriptor)
            self._asked.close()
            os.environ.clear()
            os.environ.update(asked["environment"])
            sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
            os.chdir(asked["cwd"])
            tempfile.tempdir = None  # where that is, the environment says
            sys.argv = [asked["module"], *asked["arguments"]]
            if asked["as_program"]:
                runpy.run_module(asked["module"], run_name="__main__", alter_sys=True)
            else:
                importlib.import_module(asked["module"]).main()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:
            traceback.print_exc()
        finally:
            for stream in (sys.stdout, sys.stderr):
                with suppress(OSError):
                    stream.flush()
            os._exit(code)


def _say(status: int, code: int) -> None:
    with suppress(BrokenPipeError):  # nobody is interested any more
        os.write(status, b"%d\n" % code)
    os.close(status)


if __name__ == "__main__":
    _main()
