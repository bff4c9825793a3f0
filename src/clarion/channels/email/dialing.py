"""A TCP connection to one of a host's addresses, encrypted from the start where that is wanted."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence

from clarion.channels.email.connection import Connection
from clarion.channels.email.settings import SmtpSettings

Address = tuple[str, int]


async def dial(settings: SmtpSettings, context: ssl.SSLContext | None) -> Connection:
    """A connection to the host of *settings*. Raises `OSError` (`TimeoutError` and `ssl.SSLError` among them)."""
    loop = asyncio.get_running_loop()
    limit = settings.timeouts.connect.total_seconds()
    async with asyncio.timeout(limit):
        try:
            found = await loop.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)
        except UnicodeError as error:
            raise OSError(f"{settings.host!r} is not a host name: {error}") from None
        addresses = [(str(address[0]), settings.port) for *_, address in found]
        return await connect_to_any(addresses, limit, context, settings.host)


async def connect_to_any(
    addresses: Sequence[Address], limit_s: float, context: ssl.SSLContext | None, name: str
) -> Connection:
    """A connection to the first of *addresses* that answers, certified as *name* where it is encrypted.

    Each is allowed an equal share of what is left of *limit_s*, so that an address that swallows everything, as
    IPv6 does on many a network, does not keep us from the next (uvloop has no happy eyeballs).
    Raises the last `OSError` where none answers; one whose certificate is wrong ends the search.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_s
    failure: OSError = OSError("the name has no address")
    for index, (host, port) in enumerate(addresses):
        share = (deadline - loop.time()) / (len(addresses) - index)
        try:
            async with asyncio.timeout(share):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop), host, port, ssl=context, server_hostname=name if context else None
                )
        except ssl.SSLError:
            raise
        except TimeoutError:
            failure = TimeoutError(f"{host} did not answer within {share:.1f} s")
        except OSError as error:
            failure = error
        else:
            return connection
    raise failure
