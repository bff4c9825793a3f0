"""Addresses of brokers as settings: what each kind looks like, and the names that bindings call them by."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from pydantic import SecretStr

#: What the addresses of each kind of broker begin with.
SCHEMES: Final[Mapping[str, tuple[str, ...]]] = {
    "rabbitmq": ("amqp", "amqps"),
    "nats": ("nats", "tls", "ws", "wss"),
    "bullmq": ("redis", "rediss"),
}
_EXAMPLES: Final = {
    "rabbitmq": "amqp://user:password@host:5672/vhost",
    "nats": "nats://user:password@host:4222",
    "bullmq": "redis://user:password@host:6379/0",
}
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_UNFIT: Final = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]")


def amqp(value: object) -> SecretStr:
    return _address(value, ("rabbitmq",))


def nats(value: object) -> SecretStr:
    return _address(value, ("nats",))


def redis(value: object) -> SecretStr:
    return _address(value, ("bullmq",))


def named(value: object) -> dict[str, SecretStr]:
    """A table of names and addresses, or text such as ``orders=amqp://… news=nats://…``."""
    if isinstance(value, str):
        pairs = [part.partition("=") for part in value.split()]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError("expected `name=address`, with blanks between several")
        value = {name: address for name, _, address in pairs}
    if not isinstance(value, Mapping):
        raise ValueError('expected a table of names and addresses, for example [brokers] orders = "amqp://host"')
    found = {}
    for name, address in value.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"{str(name)[:64]!r} is not a name: expected small letters, digits, - and _")
        try:
            found[name] = _address(address, tuple(SCHEMES))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return found


def _address(value: object, kinds: Sequence[str]) -> SecretStr:
    """What is wrong is told without the address itself: it may hold a password."""
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    schemes = {scheme for kind in kinds for scheme in SCHEMES[kind]}
    if not isinstance(text, str) or _UNFIT.search(text) or not all(_fits(part, schemes) for part in _servers(text)):
        raise ValueError(f"expected an address such as {' or '.join(_EXAMPLES[kind] for kind in kinds)}")
    return SecretStr(text)


def _servers(text: str) -> list[str]:
    """The addresses of one broker: NATS may have several, with commas."""
    return text.split(",") if text.count("://") > 1 else [text]


def _fits(address: str, schemes: set[str]) -> bool:
    try:
        url = urlsplit(address)
        return url.scheme in schemes and bool(url.hostname) and url.port != 0
    except ValueError:
        return False
