"""A running system, over its HTTP API. On the standard library: one connection, kept open, and no event loop."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from clarion.cli.refused import Refused
from clarion.errors import ConfigError, NotFound, Unavailable

_PAGE: Final = 100
#: How long a stream may be silent; the API says something every 15 s.
_SILENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer that says yes."""

    status: int
    headers: Mapping[str, str]
    content: Any


class Remote:
    """The API at *address*, opened with *key*. Every call raises `Refused` or `Unavailable`."""

    def __init__(self, address: str, key: str, *, timeout_s: float = 60.0) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"{address!r} is not the address of an API: expected http://host:port")
        self.address = address.rstrip("/")
        self._parts = parts
        self._key = key
        self._timeout_s = timeout_s
        self._kept: http.client.HTTPConnection | None = None

    def get(self, *path: str, **query: object) -> Any:
        """What is at *path*; each part of it is one name."""
        return self.call("GET", *path, query=query).content

    def post(self, *path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        """What the API answers to *body* at *path*."""
        return self.call("POST", *path, body=body, headers=headers).content

    def upload(self, content: bytes, *, name: str, type: str) -> Any:
        """What the API answers to a file of the media type *type*, called *name*, with *content*."""
        target = self._target(("attachments",), {"name": name})
        # The same again is the same file, so it may be sent again.
        headers = self._headers() | {"Content-Type": type}
        return self._answered(*self._ask("POST", target, content, headers)).content

    def pages(self, *path: str, limit: int, **query: object) -> Iterator[dict[str, Any]]:
        """The first *limit* items of the list at *path*, page by page."""
        after: str | None = None
        while limit > 0:
            page = self.get(*path, **query, after=after, limit=min(limit, _PAGE))
            yield from page["items"][:limit]
            limit -= len(page["items"])
            after = page["next"]
            if after is None:
                return

    def call(
        self,
        method: str,
        *path: str,
        body: object = None,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request; *query* without what is None in it."""
        said = None if body is None else json.dumps(body, ensure_ascii=False).encode("utf-8", "surrogatepass")
        given = {**self._headers(), **({"Content-Type": "application/json"} if said else {}), **(headers or {})}
        if method == "POST":  # what may have been done already may be asked for again, since the API knows it again
            given.setdefault("Idempotency-Key", uuid.uuid4().hex)
        return self._answered(*self._ask(method, self._target(path, query), said, given))

    def events(self, *path: str) -> Iterator[tuple[str, Any]]:
        """The server-sent events at *path*, name and data, until one is called ``end``; comes again when cut off."""
        pause = 0.2
        while True:
            connection = self._connect(_SILENCE_S)
            try:
                connection.request("GET", self._target(path, None), headers=self._headers())
                response = connection.getresponse()
                if response.status >= 400:
                    content = _read(response.read())
                    raise Refused(response.status, content if isinstance(content, dict) else {})
                for name, data in _events(response):
                    pause = 0.2
                    yield name, data
                    if name == "end":
                        return
            except (OSError, http.client.HTTPException) as error:
                if pause > 5:
                    raise self._away(error) from None
            finally:
                connection.close()
            time.sleep(pause)
            pause *= 2

    def close(self) -> None:
        """Close the connection. The next call opens another."""
        kept, self._kept = self._kept, None
        if kept is not None:
            kept.close()

    def _answered(self, response: http.client.HTTPResponse, raw: bytes) -> Reply:
        content = _read(raw)
        if response.status >= 400:
            raise Refused(response.status, content if isinstance(content, dict) else {})
        return Reply(status=response.status, headers=dict(response.getheaders()), content=content)

    def _ask(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """The answer, whole. A kept connection that the server closed meanwhile is opened anew, once."""
        fresh = self._kept is None
        connection = self._kept = self._kept or self._connect(self._timeout_s)
        try:
            connection.request(method, target, body, headers=dict(headers))
            response = connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not fresh:  # closed just now: the next connection is, so there is no third
                return self._ask(method, target, body, headers)
            raise self._away(error) from None
        if response.will_close:
            self.close()
        return response, raw

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        assert self._parts.hostname is not None
        return kind(self._parts.hostname, self._parts.port, timeout=timeout_s)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}", "Accept": "application/json"}

    def _target(self, path: tuple[str, ...], query: Mapping[str, object] | None) -> str:
        for name in path:
            if not name or name in (".", ".."):
                raise NotFound(f"{name!r} cannot be the name of anything.")
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        target = self._parts.path.rstrip("/") + "".join(f"/{quote(name, safe='')}" for name in ("v1", *path))
        return target + (f"?{urlencode(asked)}" if asked else "")

    def _away(self, error: Exception) -> Unavailable:
        why = str(error) or type(error).__name__
        return Unavailable(f"No answer from {self.address}: {why}. Is it running? `clarion up` starts one.")


def _read(raw: bytes) -> Any:
    with suppress(ValueError):
        return json.loads(raw)
    return None


def _events(response: http.client.HTTPResponse) -> Iterator[tuple[str, Any]]:
    """The events of one stream (WHATWG HTML §9.2), as far as our API uses the format."""
    name, data = "message", b""
    for line in response:
        line = line.rstrip(b"\r\n")
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if not line and data:
            yield name, json.loads(data)
            name, data = "message", b""
        elif field == b"event":
            name = value.decode()
        elif field == b"data":
            data += value
