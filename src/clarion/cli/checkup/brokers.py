"""The brokers that are configured: whether they answer, let us in, and can do what is wanted of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from urllib.parse import unquote, urlsplit

from clarion.brokers.base import Disconnected
from clarion.cli.checkup.broker_hello import PATIENCE_S, hello
from clarion.cli.checkup.finding import Finding, Level, fail, ok, warn
from clarion.config import Settings
from clarion.errors import ConfigError
from clarion.wires import broker_in_the_clear, servers_of

_PORTS = {"amqp": 5672, "amqps": 5671, "nats": 4222, "tls": 4222, "ws": 80, "wss": 443, "redis": 6379, "rediss": 6379}
_MASK = "••••"


async def check_brokers(settings: Settings) -> AsyncIterator[Finding]:
    """A finding for each; whether a source gets on with its queue or stream is what `clarion sources` tells.

    One that is away may come back by itself and is a warning; one that does not let us in, or cannot do what is
    needed, fails.
    """
    for name, address in configured(settings).items():
        answers = [
            await _asked(name, server)
            if settings.insecure or not broker_in_the_clear(server)
            else _not_asked(name, server)
            for server in servers_of(address)
        ]
        worst = max((answer.level for answer in answers), key=list(Level).index)
        told = [answer for answer in answers if answer.level is worst]
        yield Finding(what=name, level=worst, says="; ".join(one.says for one in told), how=told[0].how)


def configured(settings: Settings) -> Mapping[str, str]:
    """What each is called → its address, which may hold a password."""
    single = {"RabbitMQ": settings.amqp_url, "NATS": settings.nats_url, "Redis": settings.redis_url}
    named = {f"broker {name}": address for name, address in settings.brokers.items()}
    return {name: url.get_secret_value() for name, url in (single | named).items() if url is not None}


def _not_asked(name: str, address: str) -> Finding:
    """The password is not sent in the clear to find out whether it is right."""
    says = f"{urlsplit(address).hostname} is not asked: that would be in the clear"
    return fail(name, says, "encrypt it, or allow it, as is said of its address")


async def _asked(name: str, address: str) -> Finding:
    url = urlsplit(address)
    host, port = url.hostname or "localhost", url.port or _PORTS[url.scheme]
    waits = "nothing comes in from there, and what is published waits"
    try:
        await reach(host, port)
        return ok(name, f"{host}:{port} is {await hello(address)}")
    except Disconnected as error:
        says = f"{host}:{port} {_without_secrets(str(error), address)}: {waits}"
        return warn(name, says, "start it, or mend its address")
    except ConfigError as error:
        says = f"{host}:{port} cannot be used: {_without_secrets(error.message, address)}"
        return fail(name, says, "mend its address in the settings, or the server, as that says")


async def reach(host: str, port: int) -> None:
    """Raises `Disconnected` with why it cannot be reached."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        raise Disconnected(f"does not answer within {PATIENCE_S:g} s") from None
    except OSError as error:
        # What asyncio puts there for a refusal repeats the address and leaves out the reason.
        why = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror
        raise Disconnected(f"cannot be reached: {why or error}") from None
    writer.close()


def _without_secrets(text: str, address: str) -> str:
    """*text*, should a client or a server have put in it what opens the door."""
    before, _, _ = urlsplit(address).netloc.rpartition("@")
    user, colon, password = before.partition(":")
    secret = password if colon else user  # alone it is a token
    for said in {secret, unquote(secret)} - {""}:
        text = text.replace(said, _MASK)
    return text
