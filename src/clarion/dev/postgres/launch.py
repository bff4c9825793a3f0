"""A script: become an ordinary account when we are root, then turn into the program given.

    python -I launch.py ACCOUNT PROGRAM [ARGUMENT …]      ACCOUNT "-" means: stay who we are

PostgreSQL refuses to run as root. The usual ways out weaken the machine: making every parent folder readable for all,
or asking for a new system account. On Linux we switch to an account that exists and keep one capability: to read and
pass folders that are private to root (``/root`` itself, a temporary folder), so a checkout in root's home just works.
Elsewhere the account must be able to reach the folders by itself.

It imports nothing of ours and runs isolated, so it starts in some ten milliseconds.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import sys
from contextlib import suppress

# From linux/prctl.h, linux/securebits.h and linux/capability.h.
_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_SECBIT_NO_SETUID_FIXUP = 4
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def main(account: str, program: str, *arguments: str) -> None:
    """Never returns: this process becomes *program*."""
    parent = os.getppid()
    if account != "-":
        _become(account)
    if sys.platform == "linux":
        # The guard stops PostgreSQL when Clarion is gone; this stops it when the guard itself is killed.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGINT, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            sys.exit(1)
    os.execv(program, [program, *arguments])  # noqa: S606 - no shell is wanted


def _become(account: str) -> None:
    entry = pwd.getpwnam(account)
    if sys.platform == "linux":
        # Without this bit the kernel ignores the capability in access(2), by which initdb looks for its programs.
        ctypes.CDLL(None).prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    with suppress(PermissionError):  # containers may forbid it; the groups of root are then simply kept
        os.setgroups([entry.pw_gid])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if sys.platform == "linux":
        _keep_passage()


def _keep_passage() -> None:
    """Drop every capability but the one to pass private folders; drop that too where it may not be kept.

    Containers often lack CAP_DAC_READ_SEARCH and have the wider CAP_DAC_OVERRIDE; the narrower one is preferred.
    """
    libc = ctypes.CDLL(None)
    header = _Header(_CAPABILITY_VERSION_3, 0)
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        mask = 1 << capability
        sets = (_Sets * 2)(_Sets(mask, mask, mask), _Sets(0, 0, 0))
        if libc.capset(ctypes.byref(header), sets) == 0:
            libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability, 0, 0)
            return
    libc.capset(ctypes.byref(header), (_Sets * 2)())


if __name__ == "__main__":
    main(*sys.argv[1:])
