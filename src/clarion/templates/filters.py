"""Liquid's filters behind a guard: nothing missing is worked with unseen, and none costs more than it may."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from liquid.builtin.filters import misc
from liquid.exceptions import ResourceLimitError
from markupsafe import Markup, soft_str

from clarion.templates.absent import Absent
from clarion.templates.dates import date
from clarion.templates.html_text import strip_tags
from clarion.templates.numbers import money, number
from clarion.templates.show import plain

if TYPE_CHECKING:
    from clarion.templates.context import Scope

#: These give text and take text: what is not text becomes it the way Liquid shows it, not the way Python does.
_TEXT = frozenset(
    (
        *("append", "base64_decode", "base64_encode", "base64_url_safe_decode", "base64_url_safe_encode"),
        *("capitalize", "downcase", "escape", "escape_once", "escapejs", "lstrip", "newline_to_br", "prepend"),
        *("remove", "remove_first", "remove_last", "replace", "replace_first", "replace_last", "rstrip", "safe"),
        *("split", "squish", "strip", "strip_html", "strip_newlines", "truncate", "truncatewords", "upcase"),
        *("url_decode", "url_encode"),
    )
)
#: These look at one end or at the length only: however long the value, they cost the same.
_CHEAP = frozenset(("default", "size", "first", "last"))

#: What depends on the recipient although the template does not say so.
RECIPIENT_FILTERS = frozenset(("date",))


def own_filters() -> dict[str, Callable[..., object]]:
    """The filters that Clarion adds or has instead of Liquid's; each takes the scope first."""
    return {"date": date, "number": number, "money": money, "join": _join, "strip_html": _strip_html}


def apply(
    scope: Scope,
    name: str,
    function: Callable[..., object],
    left: object,
    args: Sequence[Any],
    named: Mapping[str, Any],
) -> object:
    """What *function*, the filter *name*, makes of *left*.

    Raises `ResourceLimitError` before it would cost too much, and when its result is too large.
    """
    if name == "default":
        return misc.default(left, *args, **named)
    run = scope.run
    given = (left, *args, *named.values())
    for value in given:
        if isinstance(value, Absent):
            value.miss()
    if isinstance(left, Absent):
        return ""
    run.spend(1)
    if name not in _CHEAP:
        for value in given:
            _charge(scope, value)
        if name in _TEXT:
            left = plain(left, run)
            args = [plain(arg, run) if isinstance(arg, bool | list | tuple | dict) else arg for arg in args]
        _check_growth(scope, name, left, args)
    result = function(left, *args, **named)
    _check_size(scope, result)
    return result


def _charge(scope: Scope, value: object) -> None:
    """Spend what reading *value* may cost."""
    if isinstance(value, str):
        scope.run.spend(len(value) // 64)
    elif isinstance(value, list | tuple | range):
        _charge_items(scope, value, 0)
    elif isinstance(value, int):
        _check_size(scope, value)


def _charge_items(scope: Scope, values: Sequence[object], seen: int) -> int:
    """Count the items of *values* and of the lists in it: filters flatten them; gives how many were seen."""
    try:
        seen += len(values)
    except OverflowError:
        raise ResourceLimitError("a range without end", token=None) from None
    scope.run.check_items(seen)
    if isinstance(values, range):
        return seen
    scope.run.spend(len(values) // 16)
    for value in values:
        if isinstance(value, str):
            scope.run.spend(len(value) // 64)
        elif isinstance(value, list | tuple):
            seen = _charge_items(scope, value, seen)
    return seen


def _check_growth(scope: Scope, name: str, left: object, args: Sequence[object]) -> None:
    """Refuse what would grow past its limit before it does."""
    run = scope.run
    if name == "uniq" and isinstance(left, list | tuple):
        run.spend(len(left) ** 2 // 64)  # it compares each with each
    elif name == "replace" and args:
        text, old, new = str(left), str(args[0]), str(args[1]) if len(args) > 1 else ""
        run.check_string(len(text) + text.count(old) * len(new))
    elif name == "split":
        text, separator = str(left), plain(args[0], run) if args else ""
        run.check_items(sum(map(text.count, " \n\t")) if separator == " " else text.count(separator))


def _check_size(scope: Scope, value: object) -> None:
    run = scope.run
    if isinstance(value, str):
        run.check_string(len(value))
    elif isinstance(value, list | tuple):
        run.check_items(len(value))
    elif isinstance(value, int) and value.bit_length() > run.limits.bits:
        raise ResourceLimitError(f"a number of more than {run.limits.bits} bits", token=None)


def _join(scope: Scope, left: object, separator: object = " ") -> str:
    """The items of *left* as text, with *separator* between them."""
    run = scope.run
    items = [plain(item, run) for item in left] if isinstance(left, list | tuple | range) else [plain(left, run)]
    between = plain(separator, run)
    run.check_string(sum(map(len, items)) + len(between) * len(items))
    if scope.autoescape and between == " ":
        between = Markup(" ")
    return between.join(items)


def _strip_html(scope: Scope, left: object) -> str:
    """*left* without tags; the result is plain text that is escaped like any other."""
    return strip_tags(soft_str(plain(left, scope.run)))
