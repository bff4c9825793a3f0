"""Which account PostgreSQL runs under, and which accounts may connect."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from clarion.errors import ConfigError

#: Accounts that may own the cluster when we are root, best first. `nobody` exists everywhere.
CANDIDATES = ("clarion", "postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    """An account of this machine."""

    name: str
    uid: int
    gid: int

    def give(self, path: Path) -> None:
        """Make *path* this account's own. Does nothing where it is already."""
        if path.stat().st_uid != self.uid:
            os.chown(path, self.uid, self.gid)


def myself() -> Account:
    """The account of this process.

    Raises `ConfigError` when it has no entry in the password database: PostgreSQL needs one.
    """
    uid = os.geteuid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise ConfigError(
            f"The embedded PostgreSQL cannot run as user id {uid}: no account on this machine has it. Add one to "
            "/etc/passwd, run Clarion under an account that exists, or set CLARION_DATABASE_URL to a server of yours."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def owner_for(folder: Path) -> Account:
    """The account to run PostgreSQL under: ourselves, or when we are root an ordinary one.

    A folder that an ordinary account owns stays with it, so that root and that account can take turns.
    """
    me = myself()
    if me.uid != 0:
        return me
    uid = folder.stat().st_uid
    for known in [pwd.getpwuid(uid).pw_name] if uid != 0 and _exists(uid) else CANDIDATES:
        try:
            entry = pwd.getpwnam(known)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise ConfigError(
        "PostgreSQL refuses to run as root, and this machine has none of the accounts "
        f"{', '.join(CANDIDATES)}. Create one, or run Clarion as an ordinary user."
    )


def _exists(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
