"""The kinds of values that settings of categories have, as in `setting_types`."""

from __future__ import annotations

from clarion.domain.cap import Cap, parse_caps
from clarion.domain.rate import Rate
from clarion.errors import Invalid
from clarion.project.name import checked_name
from clarion.project.setting_types import entry, number, rate, table


def rates(value: object) -> dict[str, Rate]:
    """A table of categories and rates, or text such as ``marketing=10/s, news=1/s``."""
    return {
        name: entry(_named(name), rate, given)
        for name, given in table(value, '[category_rates] marketing = "10/s"').items()
    }


def caps(value: object) -> dict[str, tuple[Cap, ...]]:
    """A table of categories and caps, or text such as ``marketing=3 in 1d, news=1 in 7d``."""
    return {
        name: entry(_named(name), _caps, given) for name, given in table(value, '[caps] marketing = "3 in 1d"').items()
    }


def _named(category: str) -> str:
    try:
        return checked_name(category)
    except ValueError as error:
        raise ValueError(f"a category is a name: {error}") from None


def _caps(value: object) -> tuple[Cap, ...]:
    if isinstance(value, tuple) and all(isinstance(one, Cap) for one in value):
        return value
    if isinstance(value, str):
        try:
            return parse_caps(value)
        except Invalid as error:
            raise ValueError(error.message) from None
    raise ValueError(f'a cap is written with its window and in quotes, for example "{number(value)} in 1d"')
