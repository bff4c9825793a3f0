"""Accounts at providers among the settings: tables ``[providers.<name>]`` of ``clarion.toml``, or JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import orjson

from clarion.channels.account import Account, Kind, Option
from clarion.channels.kinds import find_kind, kinds
from clarion.domain.suggest import did_you_mean
from clarion.errors import ConfigError, Invalid
from clarion.project.name import NAME
from clarion.project.routes import mischosen as routes_mischosen
from clarion.project.setting_types import rate
from clarion.project.several import SeveralFaults

#: The channels that accounts carry, and what they carry then.
CARRIED: Final = {"email": "mail", "sms": "text messages", "push": "push messages", "chat": "messages to chats"}

_FILE = "_file"
_TOML = "clarion.toml"
_LARGEST_FILE = 64 * 1024


def read_accounts(value: object) -> tuple[Account, ...]:
    """The accounts in *value*: tables by name, or JSON of the same shape.

    Raises ValueError that names every fault of every account, and repeats no secret.
    """
    if isinstance(value, tuple):
        return value
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ValueError('expected JSON, for example {"main": {"kind": "twilio", "account_sid": "AC…"}}') from None
    if not isinstance(value, Mapping):
        raise ValueError("expected a table [providers.NAME] for each account")
    found: list[Account] = []
    wrong: list[tuple[str, str]] = []
    for name, table in value.items():
        account, faults = _account(name, table)
        found += [account] if account is not None and not faults else []
        wrong += [(f"{name}.{key}".rstrip("."), f"{name}: {fault}") for key, fault in faults]
    if wrong:
        raise SeveralFaults(wrong)
    return tuple(found)


def with_variables(accounts: Iterable[Account], environ: Mapping[str, str]) -> tuple[Account, ...]:
    """*accounts* with what their tables leave to variables of the environment, such as those that a cloud sets.

    Raises ValueError that names every such variable that says what cannot be.
    """
    found: list[Account] = []
    wrong: list[str] = []
    for account in accounts:
        values = dict(account.values)
        for option in account.kind.options:
            name = next((name for name in option.variables if environ.get(name)), None)
            if name is not None and values.get(option.key) in (None, option.default):
                try:
                    values[option.key] = option.read(environ[name])
                except Invalid as error:
                    wrong.append(f"{account.name}: `{name}`: {error.message}")
        found.append(replace(account, values=values))
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(found)


def tables(accounts: Iterable[Account]) -> dict[str, dict[str, str]]:
    """*accounts* as `read_accounts` takes them, secrets and all."""
    return {account.name: {"kind": account.kind.name, **account.values} for account in accounts}


def mischosen(values: Mapping[str, object], lines: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    """What is wrong with the accounts that channels name among all settings: the setting, why, and what to do.

    *lines* tell which accounts are there: what keeps them from being used was told already.
    """
    there = {place.split(".")[1] for place in lines if place.startswith("providers.")}
    refused = set() if "providers" in values else there
    by_routes = "routes" not in values and any(place.startswith("routes.") for place in lines)
    for channel, carries in CARRIED.items():
        by_itself = channel != "email" or not values.get("smtp_url")
        yield from _mischosen(values, channel, carries, by_itself=by_itself and not by_routes, refused=refused)


def _mischosen(
    values: Mapping[str, object], channel: str, carries: str, *, by_itself: bool, refused: Collection[str]
) -> Iterator[tuple[str, str, str]]:
    """*by_itself*: whether an account carries the channel without being named, where there is no choice."""
    accounts, one = values.get("providers", ()), values.get(f"{channel}.provider")
    several, all_routes = values.get(f"{channel}.providers", ()), values.get("routes", {})
    assert isinstance(accounts, tuple) and isinstance(several, tuple) and isinstance(all_routes, Mapping)
    fit = sorted(account.name for account in accounts if account.kind.channel == channel)
    routes = all_routes.get(channel, ())
    if several and one is not None:
        yield f"{channel}.providers", f"`{channel}.provider` is set too", "set only one of the two"
    named = [(f"{channel}.provider", one)] if isinstance(one, str) else []
    for setting, name in [*named, *((f"{channel}.providers", name) for name in several)]:
        if name not in fit and name not in refused:
            yield setting, f"{setting}: {_unfit(name, accounts, carries)}", _instead(name, fit, accounts)
    if len(set(several)) < len(several):
        yield f"{channel}.providers", f"{channel}.providers names one twice", "name each once, in order"
    own = several or ((one,) if isinstance(one, str) else ())
    # A device's token, or a chat, says which kind of account it is for: only among those of one kind must be chosen.
    alike = {account.kind.name if channel in ("push", "chat") else "" for account in accounts if account.name in fit}
    alone = by_itself and len(alike) == len(fit)
    strange = {name for route in routes for name in route.accounts if name not in fit and name not in refused}
    told = {name: (_unfit(name, accounts, carries), _instead(name, fit, accounts)) for name in strange}
    fits_alone = bool(refused) or (alone and bool(fit))
    for number, why, hint in routes_mischosen(channel, routes, told, own, alone=fits_alone):
        yield f"routes.{channel}.{number}", f"routes.{channel}: {why}", hint
    if not own and not routes and by_itself and not alone:
        message = f"there are several accounts for {carries}: {', '.join(fit)}"
        yield "providers", message, f"name one as `provider`, or several as `providers`, in [{channel}]"
    yield from _limited_twice(values, channel, fit)


def _unfit(name: str, accounts: Iterable[Account], carries: str) -> str:
    """Why *name* is no account for what is to be carried."""
    for account in accounts:
        if account.name == name:
            other = CARRIED[account.kind.channel]
            return f"the account {name} is of kind `{account.kind.name}`, which carries {other}, not {carries}"
    return f"there is no table [providers.{name}] of a kind for {carries}"


def _instead(name: str, fit: Collection[str], accounts: Iterable[Account]) -> str:
    if fit:
        return did_you_mean(name, fit)
    there = any(account.name == name for account in accounts)
    return f"add one that does to {_TOML}" if there else f"add it to {_TOML}"


def _limited_twice(values: Mapping[str, object], channel: str, fit: Collection[str]) -> Iterator[tuple[str, str, str]]:
    """The one account that carries *channel*, if it has a rate and the channel's table has one too."""
    accounts, named = values.get("providers", ()), values.get(f"{channel}.provider")
    assert isinstance(accounts, tuple)
    if values.get(f"{channel}.rate") and (named or len(fit) == 1):
        for account in accounts:
            if account.rate is not None and account.name in fit and named in (None, account.name):
                message = f"the account {account.name} has a `rate` of its own beside that of [{channel}]"
                yield f"{channel}.rate", message, "keep the one in its table"


def _account(name: object, table: object) -> tuple[Account | None, list[tuple[str, str]]]:
    """The account in *table*, and everything that is wrong with it: each with its key, "" where it is of the whole."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return None, [("", "it is named with up to 64 of a-z, 0-9, - and _")]
    if not isinstance(table, Mapping):
        return None, [("", f"expected a table [providers.{name}]")]
    try:
        kind = _kind(table.get("kind"))
    except (ConfigError, ValueError) as error:
        return None, [("kind", str(error))]
    values: dict[str, str] = {}
    faults = list(_unknown(table, kind))
    for option in kind.options:
        try:
            text = _text(table, option)
            if text is not None:
                values[option.key] = option.read(text)
            elif option.required:
                faults.append(("", f"`{option.key}` is missing: {option.says}"))
        except (Invalid, ValueError) as error:
            key = option.key if option.key in table else option.key + _FILE
            faults.append((key, f"`{option.key}`: {error.message if isinstance(error, Invalid) else error}"))
    try:
        account = Account(name=name, kind=kind, values=values, rate=rate(table["rate"]) if "rate" in table else None)
    except ValueError as error:
        return None, [*faults, ("rate", f"`rate`: {error}")]
    return account, faults or [("", fault) for fault in kind.check(account)]


def _kind(name: object) -> Kind:
    if not isinstance(name, str):
        raise ValueError(f"`kind` is missing: {did_you_mean('', kinds())}")
    kind = find_kind(name)
    if kind is None:
        raise ValueError(f"there is no kind {name[:64]!r}; {did_you_mean(name, kinds())}")
    return kind


def _unknown(table: Mapping[object, object], kind: Kind) -> Iterator[tuple[str, str]]:
    known = {"kind", "rate", *(option.key for option in kind.options)}
    known |= {option.key + _FILE for option in kind.options if option.secret}
    for key in table:
        if key not in known:
            yield str(key), f"unknown setting `{str(key)[:64]}`; {did_you_mean(str(key), known)}"


def _text(table: Mapping[object, object], option: Option) -> str | None:
    """What *table* says of *option*, as text; None where it says nothing and there is no default."""
    given, file = table.get(option.key), table.get(option.key + _FILE) if option.secret else None
    if given is not None and file is not None:
        raise ValueError(f"give it, or `{option.key}{_FILE}`, not both")
    if file is not None:
        return _content(file)
    if isinstance(given, int) and not isinstance(given, bool):
        return str(given)
    if given is not None and not isinstance(given, str):
        raise ValueError("expected text")
    return option.default if given is None else given


def _content(path: object) -> str:
    if not isinstance(path, str) or not path:
        raise ValueError("expected the path of a file")
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise ValueError(f"the file {path!r} is larger than {_LARGEST_FILE // 1024} KiB")
        return data.decode("utf-8").strip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"the file {path!r} is not UTF-8") from None
    except OSError as error:
        raise ValueError(f"the file {path!r} cannot be read: {error.strerror}") from None
