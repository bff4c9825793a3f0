"""Errors of the template engine in Clarion's words, with the file and line that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from liquid.exceptions import ContextDepthError, LiquidError, LiquidValueError, ResourceLimitError, UndefinedError
from liquid.token import Token

from clarion.templates.errors import RenderError
from clarion.templates.limits import TooLarge
from clarion.templates.unit import Unit
from clarion.templates.words import Choice

_LIMITS = (ResourceLimitError, ContextDepthError, LiquidValueError, RecursionError, MemoryError, OverflowError)
#: An engine's message may quote data; this much of it is enough to understand.
_LONGEST = 200


class Explainer:
    """Knows which file a stretch of source comes from."""

    def __init__(self, units: Iterable[Unit]) -> None:
        # Tokens carry the source they are from, so it finds the unit; front matter has no lines of its own.
        self._units = {unit.source: unit for unit in units}

    def error(self, error: Exception, choice: Choice, missing: Mapping[str, Token | None]) -> RenderError:
        """What *error* means for the sender; what was *missing* comes first, for the rest may follow from it."""
        if missing and not isinstance(error, TooLarge):
            return self.missing(choice, missing)
        token = error.token if isinstance(error, LiquidError) else None
        if isinstance(error, UndefinedError):
            return self.missing(choice, {str(error.message).removesuffix(" is missing"): token})
        file, line = self._place(token, choice)
        detail = str(error.message if isinstance(error, LiquidError) else error) or type(error).__name__
        code = "render_failed"
        if isinstance(error, TooLarge):
            code = "too_large"
        elif isinstance(error, _LIMITS):
            code = "resource_limit"
        return RenderError(detail[:_LONGEST], code=code, file=file, line=line, locale=choice.locale)

    def missing(self, choice: Choice, names: Mapping[str, Token | None]) -> RenderError:
        """All *names* that were wanted and not there."""
        listed = []
        for name, token in names.items():
            file, line = self._place(token, choice)
            listed.append(f"{name} ({file}:{line})" if line else f"{name} ({file})")
        detail = f"missing or null: {', '.join(listed)}; give a value, or a default in the template"
        return RenderError(detail, code="missing_variables", file=choice.file, locale=choice.locale, names=tuple(names))

    def _place(self, token: Token | None, choice: Choice) -> tuple[str, int | None]:
        if token is None:
            return choice.file, None
        # The same words may stand in files of several channels or locales: those of the choice are meant.
        own = (choice.html, choice.text, *choice.html_layouts, *choice.text_layouts, *choice.lines.values())
        meant = (unit for unit in own if unit is not None and unit.source == token.source)
        unit = next(meant, self._units.get(token.source))
        if unit is None:
            return choice.file, None
        return unit.place(token)
