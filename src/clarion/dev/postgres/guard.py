"""A script: run PostgreSQL as a child and stop it when the process that started us is gone, however it went.

    python -I guard.py LOCKFILE COMMAND [ARGUMENT …]

Our standard input is a pipe whose other end only our parent holds. The kernel closes it when the parent exits, also by
``kill -9`` and also on systems without a parent-death signal; then PostgreSQL gets a fast shutdown. The lock is held as
long as we live: whoever finds PostgreSQL running without it has found an orphan. We live in a session of our own, so
Ctrl-C in the terminal reaches Clarion alone and the database outlives the work that is being finished.

It imports nothing of ours, so that an upgrade of the package under a running system cannot break it.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import threading

#: Seconds a fast shutdown may take (it writes a checkpoint) before it becomes an immediate one, which recovers later.
PATIENCE_S = 60.0


def main(lock_file: str, *command: str) -> int:
    """Run *command* until it exits or standard input closes; its exit code."""
    lock = os.open(lock_file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - our parent's words
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: server.send_signal(signal.SIGINT))
    threading.Thread(target=_stop_at_end_of_input, args=(server,), daemon=True).start()
    return server.wait()


def _stop_at_end_of_input(server: subprocess.Popen[bytes]) -> None:
    while os.read(0, 1):
        pass
    server.send_signal(signal.SIGINT)
    try:
        server.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        server.send_signal(signal.SIGQUIT)


if __name__ == "__main__":
    sys.exit(abs(main(*sys.argv[1:])))
