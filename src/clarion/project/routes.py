"""Routes among the settings: lists of tables ``[[routes.<channel>]]`` of ``clarion.toml``, or the same as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import orjson

from clarion.domain.balance import Rules
from clarion.domain.duration import parse_duration
from clarion.domain.expression import Expression
from clarion.domain.route import FACTS, Route
from clarion.domain.suggest import did_you_mean
from clarion.errors import Invalid
from clarion.project.several import SeveralFaults

_T = TypeVar("_T")

_KEYS = ("providers", "weights", "when", "balance")
_BALANCE_KEYS = ("slow", "share", "failed", "points")
_MOST_ROUTES, _MOST_ACCOUNTS, _MOST_WEIGHT = 50, 16, 1_000_000


def read_routes(value: object) -> Mapping[str, tuple[Route, ...]]:
    """The routes in *value* by channel, their accounts by name: lists of tables, or JSON of the same shape.

    Raises ValueError that names everything that is wrong with every route.
    """
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ValueError('expected JSON, for example {"sms": [{"providers": ["main", "spare"]}]}') from None
    if not isinstance(value, Mapping):
        raise ValueError("expected a table [[routes.CHANNEL]] for each route")
    found: dict[str, tuple[Route, ...]] = {}
    wrong: list[tuple[str, str]] = []
    for channel, tables in value.items():
        if isinstance(tables, tuple) and all(isinstance(one, Route) for one in tables):
            found[channel] = tables
            continue
        if channel not in _channels():
            why = f"no accounts carry `{str(channel)[:64]}`; {did_you_mean(str(channel), _channels())}"
            wrong.append((str(channel), why))
            continue
        if not isinstance(tables, list) or not tables or len(tables) > _MOST_ROUTES:
            wrong.append((str(channel), f"{channel}: expected 1 to {_MOST_ROUTES} tables [[routes.{channel}]]"))
            continue
        routes, faults = _read(tables)
        found[channel] = routes
        wrong += [(f"{channel}.{place}", f"{channel}: {fault}") for place, fault in faults]
    if wrong:
        raise SeveralFaults(wrong)
    return found


def mischosen(
    channel: str, routes: Sequence[Route], strange: Mapping[str, tuple[str, str]], own: Sequence[str], *, alone: bool
) -> Iterator[tuple[int, str, str]]:
    """What is wrong with *routes* beside the channel's *own* accounts: the number, why, what to do.

    *strange*: of the names that are none of an account for this, why and what to do. *alone*: one account carries the
    channel without being named.
    """
    for number, route in enumerate(routes, 1):
        for name in route.accounts:
            if name in strange:
                yield number, *strange[name]
    if routes and routes[-1].when is None and own:
        yield len(routes), f"it takes all that is left, so that what [{channel}] names is never used", "leave one out"
    if routes and routes[-1].when is not None and not own and not alone:
        why = "nothing says which account carries what no route takes"
        yield len(routes), why, f"name it as `provider`, or several as `providers`, in [{channel}]"


def _channels() -> Sequence[str]:
    from clarion.channels.kinds import kinds

    return sorted({kind.channel for kind in kinds().values()})


def _read(tables: Sequence[object]) -> tuple[tuple[Route, ...], list[tuple[str, str]]]:
    """The routes of one channel, and everything that is wrong with them: each with the number of its table."""
    routes, wrong = [], []
    for number, table in enumerate(tables, 1):
        which = f"route {number}: " if len(tables) > 1 else ""
        route, faults = _route(number, table)
        routes += [route] if route is not None else []
        wrong += [(f"{number}.{key}".rstrip("."), which + fault) for key, fault in faults]
        if number < len(tables) and isinstance(table, Mapping) and table.get("when") is None:
            wrong.append((str(number), f"{which}it has no `when`, so that those behind it are never tried"))
    return tuple(routes), wrong


def _route(number: int, table: object) -> tuple[Route | None, list[tuple[str, str]]]:
    """The route in *table*, and everything that is wrong with it, each with its key."""
    if not isinstance(table, Mapping):
        return None, [("", "expected a table")]
    wrong = [
        (str(key), f"unknown setting `{str(key)[:64]}`; {did_you_mean(str(key), _KEYS)}")
        for key in table
        if key not in _KEYS
    ]

    def read(key: str, reader: Callable[[object], _T], otherwise: _T) -> _T:
        try:
            return reader(table.get(key))
        except (Invalid, ValueError) as error:
            wrong.append((key, error.message if isinstance(error, Invalid) else str(error)))
            return otherwise

    no_names: tuple[str, ...] = ()
    no_weights: tuple[int, ...] = ()
    accounts = read("providers", _accounts, no_names)
    weights = read("weights", lambda value: _weights(value, len(accounts)), no_weights)
    when, balance = read("when", _condition, None), read("balance", _balance, None)
    if not wrong and balance is not None and (len(accounts) < 2 or not weights):
        wrong.append(("balance", "`balance` moves `weights`: give one for each of several providers"))
    if wrong:
        return None, wrong
    return Route(accounts=accounts, weights=weights, when=when, balance=balance, name=f"route {number}"), []


def _accounts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError('`providers` is a list of names of accounts, such as ["main", "spare"]')
    if not 1 <= len(value) <= _MOST_ACCOUNTS:
        raise ValueError(f"`providers` has 1 to {_MOST_ACCOUNTS} names")
    if len(set(value)) < len(value):
        raise ValueError("`providers` names one twice")
    return tuple(value)


def _weights(value: object, count: int) -> tuple[int, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(
        isinstance(one, int) and not isinstance(one, bool) and 0 <= one <= _MOST_WEIGHT for one in value
    ):
        raise ValueError(f"`weights` is a list of whole numbers from 0 to {_MOST_WEIGHT}, such as [80, 20]")
    if count and len(value) != count:
        raise ValueError(f"`weights` has {len(value)} numbers for {count} providers")
    if not sum(value):
        raise ValueError("`weights` gives nobody anything")
    return tuple(value)


def _balance(value: object) -> Rules | None:
    """``true``, or a table of what is to be other than usual."""
    if value is None or value is False:
        return None
    if value is True:
        return Rules()
    if not isinstance(value, Mapping):
        raise ValueError('`balance` is true, or a table such as {slow = "5s", share = 15, points = 10}')
    for key in value:
        if key not in _BALANCE_KEYS:
            raise ValueError(f"unknown setting `balance.{str(key)[:64]}`; {did_you_mean(str(key), _BALANCE_KEYS)}")
    usual = Rules()
    slow = _length(value["slow"]) if "slow" in value else usual.slow
    share, failed = (
        _percent(value, key, of * 100) / 100 for key, of in (("share", usual.share), ("failed", usual.failed))
    )
    return replace(usual, slow=slow, share=share, failed=failed, points=_percent(value, "points", usual.points))


def _length(value: object) -> timedelta:
    length = parse_duration(value) if isinstance(value, str) else None
    if length is None or not timedelta(seconds=0.01) <= length <= timedelta(minutes=10):
        raise ValueError('`balance.slow` is a length from 10ms to 10m, such as "5s"')
    return length


def _percent(table: Mapping[object, object], key: str, usual: float) -> float:
    value = table.get(key, usual)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 100:
        raise ValueError(f"`balance.{key}` is a number from 1 to 100")
    return float(value)


def _condition(value: object) -> Expression | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise ValueError("`when` is a condition, such as \"recipient.country == 'NL'\"")
    try:
        return Expression.compile(value, FACTS)
    except Invalid as error:
        raise ValueError(f"`when`: {error.message}") from None
