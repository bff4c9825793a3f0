"""Keys that sign mails, among the settings: tables ``[email.dkim.<domain>]`` of ``clarion.toml``, or JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import orjson

from clarion.channels.email.dkim_key import DkimKey, check_selector, read_private_key
from clarion.channels.email.settings import usual_domain
from clarion.domain.address import parse_sender
from clarion.domain.suggest import did_you_mean
from clarion.errors import ConfigError, Invalid
from clarion.project.mistake import Mistake

_PREFIXES = ("", "ed25519_")
_KEYS = tuple(prefix + key for prefix in _PREFIXES for key in ("selector", "key_file", "passphrase", "passphrase_file"))
_LARGEST_FILE = 64 * 1024
_T = TypeVar("_T")


def read_dkim(value: object) -> dict[str, tuple[DkimKey, ...]]:
    """The keys in *value* by domain, those of RSA first: tables, or JSON of the same shape.

    A domain may be written in quotes, as one key, or without. Raises ValueError that names every fault of every domain.
    """
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            example = '{"shop.example": {"selector": "clarion1", "key_file": "/etc/clarion/dkim.pem"}}'
            raise ValueError(f"expected JSON, for example {example}") from None
    if not isinstance(value, Mapping):
        raise ValueError("expected a table [email.dkim.DOMAIN] for each domain")
    if all(isinstance(keys, tuple) for keys in value.values()):
        return dict(value)
    found: dict[str, tuple[DkimKey, ...]] = {}
    wrong: list[str] = []
    for name, table in _tables("", value):
        faults: list[str] = []
        if (keys := _keys(name, table, faults)) and not faults:
            found[keys[0].domain] = keys
        wrong += [f"{name}: {fault}" for fault in faults]
    if wrong:
        raise ValueError("; ".join(wrong))
    return found


def _tables(above: str, value: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """The tables of domains in *value*: TOML makes tables within tables of a domain that stands without quotes."""
    for key, inner in value.items():
        name = f"{above}.{key}" if above else str(key)
        if isinstance(inner, Mapping) and inner and all(isinstance(deeper, Mapping) for deeper in inner.values()):
            yield from _tables(name, inner)
        else:
            yield name, inner


def _keys(name: str, table: object, faults: list[str]) -> tuple[DkimKey, ...]:
    if not isinstance(table, Mapping) or not table:
        faults.append("expected a table with `selector` and `key_file`")
        return ()
    faults += [f"unknown setting `{key}`; {did_you_mean(str(key), _KEYS)}" for key in table if key not in _KEYS]
    domain = _tried(faults, "", lambda: _domain(name))
    read = [_key(table, domain or "", prefix, faults) for prefix in _PREFIXES]
    keys = tuple(key for key in read if key is not None)
    if not keys and not faults:
        faults.append("`key_file` is missing")
    if len({key.selector for key in keys}) < len(keys):
        faults.append("both keys have the same selector: DNS has room for one under each")
    return keys


def _key(table: Mapping[str, object], domain: str, prefix: str, faults: list[str]) -> DkimKey | None:
    selector, file = (table.get(prefix + name) for name in ("selector", "key_file"))
    phrases = [name for name in (f"{prefix}passphrase", f"{prefix}passphrase_file") if name in table]
    if selector is None and file is None:
        faults += [f"`{name}` is of no use without `{prefix}key_file`" for name in phrases]
        return None
    for name, given in (("selector", selector), ("key_file", file)):
        if not isinstance(given, str) or not given:
            faults.append(f"`{prefix}{name}` is missing, or no text")
    if not isinstance(selector, str) or not isinstance(file, str) or not selector or not file:
        return None
    checked = _tried(faults, f"`{prefix}selector`: ", lambda: check_selector(selector))
    try:
        passphrase = _passphrase(table, phrases)
    except Invalid as error:
        faults.append(error.message)
        return None
    key = _tried(faults, f"`{prefix}key_file`: ", lambda: read_private_key(_content(file), passphrase))
    if checked is None or key is None:
        return None
    made = DkimKey(domain=domain, selector=checked, key=key)
    if made.is_rsa is bool(prefix):
        kind, right = ("RSA", "key_file") if made.is_rsa else ("Ed25519", "ed25519_key_file")
        faults.append(f"the key in {file!r} is {kind}: name it as `{right}`")
    return made


def _passphrase(table: Mapping[str, object], names: Sequence[str]) -> str | None:
    """What unlocks a key: given, or in a file; None where neither of *names* is there. Raises `Invalid`."""
    if not names:
        return None
    if len(names) > 1:
        raise Invalid(f"`{names[0]}` and `{names[1]}`: set only one of the two")
    given = table[names[0]]
    if not isinstance(given, str) or not given:
        raise Invalid(f"`{names[0]}` is no text, or empty")
    if not names[0].endswith("_file"):
        return given
    try:
        text = _content(given).decode().strip("\r\n")
    except (Invalid, UnicodeDecodeError) as error:
        why = error.message if isinstance(error, Invalid) else f"the file {given!r} is not UTF-8"
        raise Invalid(f"`{names[0]}`: {why}") from None
    if not text:
        raise Invalid(f"`{names[0]}`: the file {given!r} is empty")
    return text


def _domain(name: str) -> str:
    if name == "*":
        raise ConfigError("a key signs for one domain: write a table for each")
    return usual_domain(name)


def _content(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise Invalid(f"the file {path!r} cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST_FILE:
        raise Invalid(f"the file {path!r} is larger than {_LARGEST_FILE // 1024} KiB")
    return data


def _tried(faults: list[str], what: str, read: Callable[[], _T]) -> _T | None:
    try:
        return read()
    except (Invalid, ConfigError) as error:
        faults.append(f"{what}{error.message}")
        return None


def out_of_use(values: Mapping[str, Any], origins: Mapping[str, str], lines: Mapping[str, int]) -> Iterator[Mistake]:
    """Keys, among all settings, of domains from which no mail may be, so that they sign none."""
    from clarion.project.settings_file import place_of  # which reads settings, these among them

    allowed = values.get("email.from_domains") or ()
    if not allowed and values.get("email.from"):
        allowed = (parse_sender(values["email.from"])[1].rpartition("@")[2],)
    if "*" in allowed:
        return
    usual = [usual_domain(domain) for domain in allowed]
    for domain in values["email.dkim"]:
        if not any(one == domain or one.endswith(f".{domain}") for one in usual):
            message = f"email.dkim.{domain}: no mail may be from {domain}, so its key signs none"
            place = place_of(f"email.dkim.{domain}", {**origins, "email": origins["email.dkim"]}, lines)
            yield Mistake(**place, message=message, hint="add it to `from_domains` in [email], or remove its table")
