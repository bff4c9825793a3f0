"""Categories that settings name and no workflow has: mostly mistyped, and then a limit that does nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from clarion.domain.suggest import did_you_mean
from clarion.project.mistake import Mistake, Severity
from clarion.project.settings_file import NAME

_SETTINGS = ("caps", "category_rates", "tracking.opens", "tracking.clicks")


def unknown_categories(
    values: Mapping[str, object], lines: Mapping[str, int], known: Collection[str]
) -> Iterator[Mistake]:
    """A warning for each; *values* and *lines* are those of the settings file, *known* the workflows' categories."""
    for setting in _SETTINGS:
        named = values.get(setting)
        for name in sorted(set(named) - {*known, "*"}) if isinstance(named, Mapping | tuple) else ():
            hint = did_you_mean(name, known) if known else f"write `category: {name}` into one"
            message = f"`{setting}`: no workflow here has the category `{name}`"
            line = lines.get(f"{setting}.{name}")
            yield Mistake(file=NAME, line=line, message=message, hint=hint, severity=Severity.WARNING)
