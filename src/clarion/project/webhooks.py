"""The endpoints of webhooks among the settings: tables ``[webhooks.<name>]`` of ``clarion.toml``, or JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson

from clarion.brokers.endpoint import Endpoint
from clarion.domain.suggest import did_you_mean
from clarion.errors import Invalid
from clarion.http.standard_webhooks import read_secret
from clarion.http.url_guard import Network, UrlGuard, parse_url
from clarion.project.name import NAME

_KEYS = ("url", "secrets", "secret_files")
_MOST_SECRETS = 4


def read_endpoints(value: object) -> tuple[Endpoint, ...]:
    """The endpoints in *value*: tables by name, or JSON of the same shape.

    Raises ValueError that names every endpoint that is wrong and why, and no secret.
    """
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ValueError('expected JSON, for example {"orders": {"url": "https://…", "secrets": []}}') from None
    if isinstance(value, tuple):
        return value
    if not isinstance(value, Mapping):
        raise ValueError("expected a table [webhooks.NAME] for each endpoint")
    found, wrong = [], []
    for name, table in value.items():
        try:
            found.append(_endpoint(name, table))
        except (Invalid, ValueError) as error:
            wrong.append(f"{name}: {error.message if isinstance(error, Invalid) else error}")
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(found)


def refused(endpoints: Sequence[Endpoint], allowed: Sequence[Network]) -> dict[str, str]:
    """Those of *endpoints* whose URL must not be used where only *allowed* is listed besides the internet, and why."""
    guard = UrlGuard(allowed)
    found = {}
    for endpoint in endpoints:
        try:
            guard.check(endpoint.destination)
        except Invalid as error:
            found[endpoint.name] = error.message
    return found


def _endpoint(name: object, table: object) -> Endpoint:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError("it is named with up to 64 of a-z, 0-9, - and _")
    if not isinstance(table, Mapping):
        raise ValueError(f"expected a table [webhooks.{name}]")
    for key in table:
        if key not in _KEYS:
            raise ValueError(f"unknown setting `{key}`; {did_you_mean(str(key), _KEYS)}")
    url = table.get("url")
    if not isinstance(url, str):
        raise ValueError("`url` is missing")
    texts = [*_texts(table, "secrets"), *(_content(path) for path in _texts(table, "secret_files"))]
    if not texts:
        raise ValueError("`secrets` is missing: at least one, which its receiver knows too")
    if len(texts) > _MOST_SECRETS:
        raise ValueError(f"more than {_MOST_SECRETS} secrets")
    return Endpoint(name=name, destination=parse_url(url), secrets=tuple(read_secret(text) for text in texts))


def _texts(table: Mapping[str, object], key: str) -> list[str]:
    given = table.get(key, [])
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise ValueError(f"`{key}` is a list of texts")
    return given


def _content(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        raise ValueError(f"the file {path!r} cannot be read") from None
