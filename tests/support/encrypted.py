"""NATS and Redis that speak TLS alone and want a password, with a certificate for ``localhost`` and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.support.authority import Authority, Signed
from tests.support.nats import Nats
from tests.support.redis import Kind, Redis, redis_server
from tests.support.server import can_connect

#: What addresses must escape is in the password.
USER, PASSWORD = "guest", "s3cret:/@"


class EncryptedNats(Nats):
    """*mutual*: it wants a certificate of its clients; *more*: further lines of its configuration."""

    def __init__(
        self, folder: Path, authority: Authority, own: Signed, *, mutual: bool = False, more: str = ""
    ) -> None:
        files = f'cert_file: "{own.certificate}", key_file: "{own.key}", ca_file: "{authority.file}"'
        tls = f"tls {{ {files}, verify: {'true' if mutual else 'false'} }}"
        login = f'authorization {{ user: "{USER}", password: "{PASSWORD}" }}'
        super().__init__(folder, more="\n".join([tls, login, more]))


class EncryptedRedis(Redis):
    """*mutual*: it wants a certificate of its clients. Raises `Missing`: the one of the wheel knows no TLS."""

    def __init__(self, folder: Path, authority: Authority, own: Signed, *, mutual: bool = False) -> None:
        super().__init__(folder, redis_server(folder, Kind.SYSTEM).executable)
        self._tls = {
            "port": "0",
            "tls-port": str(self.port),
            "tls-cert-file": str(own.certificate),
            "tls-key-file": str(own.key),
            "tls-ca-cert-file": str(authority.file),
            "tls-auth-clients": "yes" if mutual else "no",
        }

    def command(self) -> Sequence[str]:
        users = ["--user", "default", "off", "--user", USER, "on", f">{PASSWORD}", "~*", "&*", "+@all"]
        return [
            *super().command(),
            *(part for name, value in self._tls.items() for part in (f"--{name}", value)),
            *users,
        ]

    async def is_ready(self) -> bool:
        return can_connect(self.port)
