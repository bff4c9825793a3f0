"""A short text with values in it, such as a routing key or the key of a timer: one piece of Liquid, plain text."""

from __future__ import annotations

from collections.abc import Mapping

from liquid.exceptions import LiquidError

from clarion.errors import Fault, Invalid
from clarion.templates.context import Scope
from clarion.templates.errors import RenderError
from clarion.templates.limits import Limits, Page, Run
from clarion.templates.parsing import detail_of
from clarion.templates.program import render_nodes
from clarion.templates.source import Part
from clarion.templates.unit import Unit, parse_line
from clarion.templates.vocabulary import Roots, check

_LIMITS = Limits(work=20_000, output=10_000, string=10_000, items=1_000, variables=50_000, source=2_000)
_PART = Part(file="", kind="txt", text="")


class Text:
    """One text, parsed once."""

    __slots__ = ("_plain", "_unit")

    def __init__(self, text: str, roots: Roots) -> None:
        """*roots* are the names that it may use. Raises `Invalid` (``invalid_text``) with every fault."""
        self._unit: Unit | None = None
        self._plain = text
        if "{{" not in text and "{%" not in text:
            return
        if len(text) > _LIMITS.source:
            raise _invalid([f"it is longer than {_LIMITS.source:,} characters"])
        try:
            self._unit = parse_line(_PART, text)
            faults = [fault.detail for fault in check(self._unit, (), (), roots)]
        except LiquidError as error:
            raise _invalid([detail_of(error, "txt")]) from None
        except RecursionError:
            raise _invalid(["nested too deeply"]) from None
        if faults:
            raise _invalid(faults)

    @property
    def fixed(self) -> bool:
        """Whether it is the same whatever the data."""
        return self._unit is None

    def render(self, variables: Mapping[str, object]) -> str:
        """The text with the values of *variables*; raises `RenderError`."""
        if self._unit is None:
            return self._plain
        run = Run(_LIMITS, "en", {})
        page = Page(run)
        try:
            render_nodes(self._unit.nodes, Scope(self._unit.template, globals=variables, run=run), page)
        except (LiquidError, ValueError, ArithmeticError, TypeError, LookupError, RecursionError, MemoryError) as error:
            said = error.message if isinstance(error, LiquidError) else error
            raise RenderError(str(said)[:200] or type(error).__name__) from None
        if run.missing:
            names = tuple(run.missing)
            raise RenderError(f"there is no {', '.join(names)} in the data", code="missing_variables", names=names)
        return page.getvalue()


def _invalid(details: list[str]) -> Invalid:
    faults = [Fault("", detail, "invalid_text") for detail in details]
    return Invalid("; ".join(details), code="invalid_text", faults=faults)
