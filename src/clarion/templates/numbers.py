"""The `number` and `money` filters: figures as the language of the words writes them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from liquid.exceptions import FilterArgumentError

from clarion.templates.dates import babel_locale
from clarion.templates.show import plain

if TYPE_CHECKING:
    from clarion.templates.context import Scope


def number(scope: Scope, value: object, digits: object = None) -> object:
    """*value* with the locale's separators, e.g. ``1,234.5``; with *digits* after the point when given (0 to 20).

    What is no number is shown unchanged.
    """
    amount = _amount(scope, value)
    if amount is None:
        return value
    from babel import numbers  # see dates: loaded by those who use it

    pattern = None
    if digits is not None:
        places = _places(digits)
        pattern = "#,##0" + ("." + "0" * places if places else "")
    return numbers.format_decimal(amount, format=pattern, locale=babel_locale(scope.run.locale))


def money(scope: Scope, value: object, currency: object) -> object:
    """*value* as an amount of *currency* (ISO 4217, e.g. ``EUR``); what is no number is shown unchanged."""
    amount = _amount(scope, value)
    code = plain(currency, scope.run)
    if len(code) != 3 or not code.isascii() or not code.isalpha():
        raise FilterArgumentError(f"{code[:16]!r} is no currency such as EUR", token=None)
    if amount is None:
        return value
    from babel import numbers

    return numbers.format_currency(amount, code.upper(), locale=babel_locale(scope.run.locale))


def _amount(scope: Scope, value: object) -> Decimal | None:
    """*value* as a number of a size that people write; None when it is none."""
    text = plain(value, scope.run).strip()
    if isinstance(value, bool) or len(text) > 40:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) <= 40 else None


def _places(digits: object) -> int:
    if isinstance(digits, int) and 0 <= digits <= 20:
        return digits
    raise FilterArgumentError("number takes 0 to 20 digits", token=None)
