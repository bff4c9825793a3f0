"""The brokers that are configured: whether anybody answers there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

from clarion.cli.checkup.finding import Finding, ok, warn
from clarion.config import Settings

#: A person waits for the answer.
_PATIENCE_S = 5
_PORTS = {"amqp": 5672, "amqps": 5671, "nats": 4222, "tls": 4222, "ws": 80, "wss": 443, "redis": 6379, "rediss": 6379}


async def check_brokers(settings: Settings) -> AsyncIterator[Finding]:
    """A finding for each address; whether a source gets on with its broker is what `clarion sources` tells."""
    for name, address in _configured(settings).items():
        where = [_place(one) for one in (address.split(",") if address.count("://") > 1 else [address])]
        refused = [why for place in where if (why := await _refused(*place)) is not None]
        if not refused:
            yield ok(name, f"{', '.join(f'{host}:{port}' for host, port in where)} answers")
            continue
        says = f"{'; '.join(refused)}: nothing comes in from there, and what is published waits"
        yield warn(name, says, "start it, or mend its address")


def _configured(settings: Settings) -> Mapping[str, str]:
    """What each is called → its address, which may hold a password."""
    single = {"RabbitMQ": settings.amqp_url, "NATS": settings.nats_url, "Redis": settings.redis_url}
    named = {f"broker {name}": address for name, address in settings.brokers.items()}
    return {name: url.get_secret_value() for name, url in (single | named).items() if url is not None}


def _place(address: str) -> tuple[str, int]:
    url = urlsplit(address)
    return url.hostname or "localhost", url.port or _PORTS[url.scheme]


async def _refused(host: str, port: int) -> str | None:
    """Why it cannot be reached; None when it can."""
    try:
        async with asyncio.timeout(_PATIENCE_S):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return f"{host}:{port} does not answer within {_PATIENCE_S} s"
    except OSError as error:
        return f"{host}:{port} cannot be reached: {error.strerror or error}"
    writer.close()
    return None
