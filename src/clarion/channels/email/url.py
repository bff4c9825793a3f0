"""SMTP servers as URLs: ``smtp://user:pass@host:587?starttls=required`` and ``smtps://host``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from clarion.channels.email.settings import SmtpSettings, Timeouts, Tls, is_loopback
from clarion.errors import ConfigError

_KEYS = (
    "starttls",
    "connections",
    "messages_per_connection",
    "ehlo",
    "message_id_domain",
    "from_domains",
    "ca_file",
    "max_size",
    "pipelining",
    "8bitmime",
    "connect_timeout",
    "greeting_timeout",
    "command_timeout",
    "data_timeout",
    "reply_timeout",
    "idle_timeout",
)
_T = TypeVar("_T")
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m|h|)")


def parse_smtp_url(url: str, *, from_domains: frozenset[str] = frozenset()) -> SmtpSettings:
    """The settings that *url* stands for; *from_domains* are added to those it names.

    ``smtps`` is TLS from the start, port 465. ``smtp`` is port 587 with ``starttls=required``, unless the host is this
    machine, where it is ``never``. User and password are percent-decoded. Lengths of time: ``20``, ``20s``, ``1.5m``.
    Raises `ConfigError`; its message never holds the password.
    """
    parts = _split(url)
    host = parts.hostname or ""
    query = _query(parts.query)
    settings: dict[str, Any] = {
        "host": host,
        "port": _port(parts),
        "tls": _tls(parts.scheme, host, query.pop("starttls", None)),
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "from_domains": from_domains | _domains(query.pop("from_domains", "")),
        "timeouts": Timeouts(**{k.removesuffix("_timeout"): _length(k, query.pop(k)) for k in _timeouts_in(query)}),
    }
    if "ehlo" in query:
        settings["ehlo_name"] = query.pop("ehlo")
    if "pipelining" in query:
        settings["pipelining"] = _choice("pipelining", query.pop("pipelining"), {"if-offered": True, "never": False})
    if "8bitmime" in query:
        settings["eight_bit"] = _choice("8bitmime", query.pop("8bitmime"), {"if-offered": True, "never": False})
    for key in ("connections", "messages_per_connection", "max_size"):
        if key in query:
            settings[key] = _whole_number(key, query.pop(key))
    if "ca_file" in query and not Path(query["ca_file"]).is_file():
        raise ConfigError(f"the ca_file {query['ca_file']!r} of the SMTP URL is not a file")
    return SmtpSettings(**{**settings, **query})


def _split(url: str) -> SplitResult:
    if any(ord(c) < 33 or ord(c) == 127 for c in url):
        raise ConfigError("the SMTP URL contains white space or a control character; percent-encode it")
    try:
        parts = urlsplit(url)
        known = parts.scheme in {"smtp", "smtps"} and bool(parts.hostname)
    except ValueError:
        known = False
    if not known or parts.path not in {"", "/"} or parts.fragment:
        raise ConfigError(
            "an SMTP URL looks like smtp://user:password@mail.example.com:587 or smtps://mail.example.com; "
            "percent-encode special characters in the password"
        )
    return parts


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
        return port if port is not None else 465 if parts.scheme == "smtps" else 587
    except ValueError:
        raise ConfigError("the port of the SMTP URL is not a number between 1 and 65535") from None


def _query(text: str) -> dict[str, str]:
    pairs = parse_qsl(text, keep_blank_values=True)
    query = dict(pairs)
    for key in query:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_KEYS)}"
            raise ConfigError(f"the SMTP URL has an unknown option {key[:64]!r}: {hint}")
    if len(query) < len(pairs):
        raise ConfigError("the SMTP URL gives one option twice")
    return query


def _tls(scheme: str, host: str, starttls: str | None) -> Tls:
    if scheme == "smtps":
        if starttls is not None:
            raise ConfigError("smtps:// is encrypted from the start: leave starttls out, or use smtp://")
        return Tls.IMPLICIT
    if starttls is None:
        return Tls.NEVER if is_loopback(host) else Tls.REQUIRED
    return _choice("starttls", starttls, {tls.value: tls for tls in (Tls.REQUIRED, Tls.IF_OFFERED, Tls.NEVER)})


def _choice(key: str, text: str, choices: Mapping[str, _T]) -> _T:
    if text not in choices:
        raise ConfigError(f"{key} of the SMTP URL is {text[:64]!r}; it may be {', '.join(choices)}")
    return choices[text]


def _domains(text: str) -> frozenset[str]:
    return frozenset(domain.strip() for domain in text.split(",") if domain.strip())


def _timeouts_in(query: Mapping[str, str]) -> list[str]:
    return [key for key in query if key.endswith("_timeout")]


def _length(key: str, text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None or not float(match[1]):
        raise ConfigError(f"{key} of the SMTP URL is {text[:64]!r}; write a length such as 20s or 10m")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def _whole_number(key: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,12}", text):
        raise ConfigError(f"{key} of the SMTP URL is {text[:64]!r}; it must be a whole number")
    return int(text)
