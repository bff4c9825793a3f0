"""Real IMAP servers for tests, each with one account: pymap, which keeps it in memory, and Dovecot where it is."""

from __future__ import annotations

import asyncio
import grp
import imaplib
import os
import pwd
import shutil
import socket
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support import memory
from tests.support.smtp_certificate import make_certificate
from tests.support.wait import wait_until

#: The account that it comes with.
USER, PASSWORD = "demouser", "demopass"


@dataclass(frozen=True, kw_only=True)
class ImapServer:
    """One that runs. Its methods block."""

    port: int
    #: Where it is encrypted from the start, and by whom it is known then.
    tls_port: int = 0
    authority: Path | None = None

    @property
    def url(self) -> str:
        return f"imap://{USER}:{PASSWORD}@127.0.0.1:{self.port}/Returned"

    @property
    def tls_url(self) -> str:
        return f"imaps://{USER}:{PASSWORD}@localhost:{self.tls_port}/Returned"

    def put(self, mails: Sequence[bytes], folder: str = "Returned") -> None:
        """Mails come in."""
        with self._session() as imap:
            imap.create(folder)
            for raw in mails:
                assert imap.append(folder, "", "", raw)[0] == "OK"

    def count(self, what: str = "ALL", folder: str = "Returned") -> int:
        """How many mails in *folder* are so."""
        with self._session() as imap:
            if imap.select(folder, readonly=True)[0] != "OK":
                return 0
            found = imap.uid("SEARCH", what)[1][0]
            return len((found or b"").split())

    def _session(self) -> imaplib.IMAP4:
        imap = imaplib.IMAP4("127.0.0.1", self.port, timeout=10)
        imap.login(USER, PASSWORD)
        return imap


#: It hashes passwords half a million times, at each login; there is no setting for that.
_PYMAP = """
import functools, pymap.config, pymap.main
pymap.config.BuiltinHash = functools.partial(pymap.config.BuiltinHash, rounds=1)
pymap.main.main()
"""


@asynccontextmanager
async def pymap() -> AsyncIterator[ImapServer]:
    """A server on a free port, ended with the block."""
    port = _free_port()
    command = [sys.executable, "-c", _PYMAP, "--host", "127.0.0.1", "--port", str(port), "--no-tls", "dict"]
    async with _running([*command, "--demo-data"], port):
        yield ImapServer(port=port)


@asynccontextmanager
async def dovecot() -> AsyncIterator[ImapServer]:
    """Dovecot (Debian's dovecot-imapd), which most mailboxes are read by; the test is skipped where it is absent."""
    if (program := _dovecot()) is None:
        pytest.skip("Dovecot is missing: install Debian's dovecot-imapd")
    with memory.folder("clarion-dovecot-") as place:
        server, config = _configured(Path(place))
        async with _running([program, "-F", "-c", str(config)], server.port):
            yield server


def _dovecot() -> str | None:
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return program if Path("/usr/lib/dovecot/imap").exists() else None


def _configured(folder: Path) -> tuple[ImapServer, Path]:
    """The server that Dovecot will be with the file of settings in *folder*."""
    port, tls_port = _free_port(), _free_port()
    certificate, key = make_certificate(folder)
    # Dovecot hears nobody and reads no mail as root: Debian's package has users for it.
    own = pwd.getpwuid(os.getuid())
    owner = pwd.getpwnam("nobody") if own.pw_uid == 0 else own
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o755)
    words = {"port": port, "tls_port": tls_port, "folder": folder, "certificate": certificate, "key": key}
    user, group = own.pw_name, grp.getgrgid(os.getgid()).gr_name
    words |= {"uid": owner.pw_uid, "gid": owner.pw_gid, "user": user, "group": group, "password": PASSWORD}
    words |= {"login": "dovenull" if own.pw_uid == 0 else user}
    config = folder / "dovecot.conf"
    config.write_text(_DOVECOT.format(**words))
    return ImapServer(port=port, tls_port=tls_port, authority=certificate), config


#: No file of the system is used; nothing is written but below the folder.
_DOVECOT = """
protocols = imap
listen = 127.0.0.1
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {login}
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:{folder}/mail
disable_plaintext_auth = no
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
ssl_dh =
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""

#: By name: the same is tried against each.
SERVERS = {"pymap": pymap, "dovecot": dovecot}


@asynccontextmanager
async def _running(command: Sequence[str], port: int) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL)
    try:
        await wait_until(lambda: _answers(port), 60, "the IMAP server")
        yield
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 20)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(4) == b"* OK"
    except OSError:
        return False
