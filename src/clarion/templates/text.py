"""A short text with values in it, such as a routing key or the key of a timer: one piece of Liquid, plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from liquid.exceptions import LiquidError

from clarion.errors import Fault, Invalid
from clarion.templates.context import Scope
from clarion.templates.errors import RenderError
from clarion.templates.limits import Limits, Page, Run
from clarion.templates.parsing import detail_of
from clarion.templates.program import Hole, render_nodes
from clarion.templates.source import Part
from clarion.templates.unit import Unit, parse_line
from clarion.templates.vocabulary import Roots, check

_LIMITS = Limits(work=20_000, output=10_000, string=10_000, items=1_000, variables=50_000, source=2_000)
_PATH = re.compile(r"\{\{\s*([a-z]+(?:\.[A-Za-z_]\w*)*)\s*\}\}", re.ASCII)
#: What Liquid knows of lists and texts besides their members.
_PROPERTIES = frozenset({"size", "first", "last"})
_PART = Part(file="", kind="txt", text="")


class Text:
    """One text, parsed once."""

    __slots__ = ("_holes", "_parts", "_plain", "_unit")

    def __init__(self, text: str, roots: Roots) -> None:
        """*roots* are the names that it may use. Raises `Invalid` (``invalid_text``) with every fault."""
        self._unit: Unit | None = None
        self._plain = text
        if "{{" not in text and "{%" not in text:
            return
        if len(text) > _LIMITS.source:
            raise _invalid([f"it is longer than {_LIMITS.source:,} characters"])
        try:
            self._unit = parse_line(_PART, "text", text)
            faults = [fault.detail for fault in check(self._unit, (), (), roots)]
        except LiquidError as error:
            raise _invalid([detail_of(error, "txt")]) from None
        except RecursionError:
            raise _invalid(["nested too deeply"]) from None
        if faults:
            raise _invalid(faults)
        #: ``order-{{ data.id }}``: only paths, which are looked up without Liquid, at a tenth of the cost.
        self._parts = _PATH.split(text.strip())
        self._holes = _holes(self._parts)

    @property
    def fixed(self) -> bool:
        """Whether it is the same whatever the data."""
        return self._unit is None

    def render(self, variables: Mapping[str, object]) -> str:
        """The text with the values of *variables*; raises `RenderError`."""
        if self._unit is None:
            return self._plain
        run = Run(_LIMITS, "en", {})
        if self._holes is not None:
            said = self._fill(self._holes, variables, run)
            if said is not None:
                return said
            run = Run(_LIMITS, "en", {})
        page = Page(run)
        try:
            render_nodes(self._unit.nodes, Scope(self._unit.template, globals=variables, run=run), page)
        except (LiquidError, ValueError, ArithmeticError, TypeError, LookupError, RecursionError, MemoryError) as error:
            why = error.message if isinstance(error, LiquidError) else error
            raise RenderError(str(why)[:200] or type(error).__name__) from None
        if run.missing:
            names = tuple(run.missing)
            raise RenderError(f"there is no {', '.join(names)} in the data", code="missing_variables", names=names)
        return page.getvalue()

    def _fill(self, holes: Sequence[Hole], variables: Mapping[str, object], run: Run) -> str | None:
        """The text, or None where Liquid must say what is wrong."""
        out = list(self._parts)
        for number, hole in enumerate(holes):
            value: object = variables[hole.root]
            for key in hole.keys:
                value = value.get(key) if type(value) is dict else None
            if type(value) is not str and type(value) is not int:
                return None
            out[2 * number + 1] = str(value)
        said = "".join(out)
        return said if len(said) <= _LIMITS.output else None


def _holes(parts: Sequence[str]) -> Sequence[Hole] | None:
    """The paths between the *parts* of a text; None when there is more to it than paths."""
    plain, paths = parts[::2], parts[1::2]
    if any("{{" in part or "{%" in part or "}}" in part for part in plain):
        return None
    keys = [path.split(".") for path in paths]
    if any(key in _PROPERTIES for path in keys for key in path[1:]):
        return None
    return [Hole(path[0], tuple(path[1:]), False, None) for path in keys]


def _invalid(details: list[str]) -> Invalid:
    faults = [Fault("", detail, "invalid_text") for detail in details]
    return Invalid("; ".join(details), code="invalid_text", faults=faults)
