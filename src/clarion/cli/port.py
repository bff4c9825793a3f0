"""Where the API listens: whether it can, asked before anything is started for it, and how it is reached then."""

from __future__ import annotations

import errno
import socket

from clarion.errors import ConfigError


def check_free(host: str, port: int) -> None:
    """Raise `ConfigError` when nobody can listen on *port* of *host* now; 0 is always free."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except socket.gaierror as error:
        raise ConfigError(f"There is no address {host!r} to listen on: {error.strerror}.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = "another program uses it. Stop that one, or choose another port: --port 0 takes a free one."
        elif error.errno == errno.EADDRNOTAVAIL:
            why = "this machine does not have that address. Choose another with --host, e.g. 127.0.0.1."
        else:
            why = f"{error.strerror}. Choose another with --port."
        raise ConfigError(f"Clarion cannot listen on {host} port {port}: {why}") from None


def address(host: str, port: int) -> str:
    """Where what listens on *port* of *host* is reached from this machine."""
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - to reach it, not to bind
    return f"http://{f'[{near}]' if ':' in near else near}:{port}"
