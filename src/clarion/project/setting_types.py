"""The kinds of values that settings have: each function reads one, or says with a `ValueError` why it cannot."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from clarion.domain.address import parse_email, parse_sender
from clarion.domain.duration import parse_duration
from clarion.domain.locale import normalise
from clarion.domain.rate import Rate, parse_rate
from clarion.errors import ConfigError, Invalid

T = TypeVar("T")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, str):
        try:
            return parse_duration(value)
        except Invalid as error:
            raise ValueError(error.message) from None
    raise ValueError(f'a length of time is written with its unit and in quotes, for example "{number(value)}s"')


def names(value: object) -> tuple[str, ...]:
    """A list, or text with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(value, list | tuple) and all(isinstance(item, str) and item for item in value):
        return tuple(value)
    raise ValueError('expected a list of names, for example ["email", "feed"]')


def folder(value: object) -> Path:
    if isinstance(value, str | Path) and str(value) and "\x00" not in str(value):
        return Path(value).expanduser()
    raise ValueError("expected the path of a folder")


def locale(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("expected a locale such as en, pt-BR or zh-Hant")
    try:
        usual = normalise(value)
    except Invalid as error:
        raise ValueError(error.message) from None
    if usual != value:
        raise ValueError(f"{value!r} is not how this locale is written; did you mean `{usual}`?")
    return value


def sender(value: object) -> str:
    """``Name <address>`` or an address."""
    if not isinstance(value, str):
        raise ValueError("expected a sender such as `Hotel Aurora <stay@hotel.example>`")
    try:
        parse_sender(value)
    except Invalid as error:
        raise ValueError(error.message) from None
    return value


def domains(value: object) -> tuple[str, ...]:
    found = tuple(name.lower() for name in names(value))
    for name in found:
        if name == "*":
            continue
        try:
            parse_email(f"someone@{name}")
        except Invalid:
            raise ValueError(f"{name!r} is not a domain; expected for example hotel.example") from None
    return found


def database_url(value: object) -> SecretStr:
    """What is wrong is told without the address itself: it may hold a password."""
    text = _secret(value)
    try:
        url = urlsplit(text)
        usable = url.scheme in ("postgresql", "postgres") and url.port != 0
    except ValueError:
        usable = False
    if not usable or _CONTROL.search(text) or " " in text:
        raise ValueError("expected an address such as postgresql://user:password@host:5432/name")
    return SecretStr(text)


def smtp_url(value: object) -> SecretStr:
    from clarion.channels.email.url import parse_smtp_url  # only where there is one: it brings `ssl` with it

    text = _secret(value)
    try:
        parse_smtp_url(text)  # its messages never hold the password
    except ConfigError as error:
        raise ValueError(error.message) from None
    return SecretStr(text)


def api_key(value: object) -> SecretStr:
    text = _secret(value)
    if not re.fullmatch(r"clk_[A-Za-z0-9_-]{16,200}", text):
        raise ValueError("an API key begins with clk_, followed by 16 letters and digits or more")
    return SecretStr(text)


def pepper(value: object) -> SecretStr:
    text = _secret(value)
    if len(text) < 32 or len(set(text)) < 8:
        raise ValueError(
            "too short or too plain to be a secret: at least 32 characters, for example from `openssl rand -hex 32`"
        )
    return SecretStr(text)


def peppers(value: object) -> tuple[SecretStr, ...]:
    """Several of them, with commas between."""
    if isinstance(value, tuple) and all(isinstance(one, SecretStr) for one in value):
        return value
    return tuple(pepper(one) for one in names(value))


def networks(value: object) -> tuple[object, ...]:
    """Blocks of addresses."""
    if isinstance(value, tuple) and all(isinstance(one, IPv4Network | IPv6Network) for one in value):
        return value
    found = []
    for text in names(value):
        try:
            found.append(ip_network(text))
        except ValueError:
            raise ValueError(f"{text!r} is not a network; expected for example 10.20.0.0/16") from None
    return tuple(found)


def rate(value: object) -> Rate:
    if isinstance(value, Rate):
        return value
    if isinstance(value, str):
        try:
            return parse_rate(value)
        except Invalid as error:
            raise ValueError(error.message) from None
    raise ValueError(f'a rate is written with its unit and in quotes, for example "{number(value)}/s"')


def rates(value: object) -> dict[str, Rate]:
    """A table of queues and rates, or text such as ``email=10/s, in_app=100/s burst 20``."""
    return {name: entry(name, rate, given) for name, given in table(value, '[rates] email = "10/s"').items()}


def at_once(value: object) -> dict[str, int]:
    """A table of queues and numbers, or text such as ``email=5, in_app=20``."""
    return {name: entry(name, _count, given) for name, given in table(value, "[concurrency] email = 5").items()}


def table(value: object, example: str) -> Mapping[str, object]:
    """A table, or text such as ``email=5, in_app=20``; *example* shows how it is written."""
    if isinstance(value, str):
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        if not all(equals for _, equals, _ in pairs):
            raise ValueError("expected `name=…`, with commas between several")
        return {name.strip(): given.strip() for name, _, given in pairs}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"expected a table, for example {example}")
    return value


def entry(name: str, read: Callable[[object], T], given: object) -> T:
    """What *read* makes of one entry; what is wrong with it is told with its name."""
    try:
        return read(given)
    except ValueError as error:
        raise ValueError(f"{name[:64]}: {error}") from None


def _count(value: object) -> int:
    number = int(value) if isinstance(value, str) and re.fullmatch(r"[0-9]{1,5}", value) else value
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 10_000:
        raise ValueError("expected a whole number from 1 to 10000")
    return number


def endpoints(value: object) -> tuple[object, ...]:
    from clarion.project.webhooks import read_endpoints  # only where there are some: it brings `idna` with it

    return read_endpoints(value) if value else ()


def accounts(value: object) -> tuple[object, ...]:
    from clarion.project.providers import read_accounts  # only where there are some

    return read_accounts(value) if value else ()


def routes(value: object) -> Mapping[str, tuple[object, ...]]:
    from clarion.project.routes import read_routes  # only where there are some

    return read_routes(value) if value else {}


def dkim(value: object) -> Mapping[str, tuple[object, ...]]:
    from clarion.project.dkim import read_dkim  # only where there are some: it brings `cryptography` with it

    return read_dkim(value) if value else {}


def public_url(value: object) -> str:
    """Where the API is reached from outside: what providers are told, letter by letter."""
    if (
        not isinstance(value, str)
        or len(value) > 1_000
        or not re.fullmatch(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?", value)
    ):
        raise ValueError("expected an address such as https://notify.example, in lower case, without a query")
    return value.rstrip("/")


def _secret(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, str):
        return value
    raise ValueError("expected text")


def number(value: object) -> object:
    """*value* for an example of how to write it."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 5
