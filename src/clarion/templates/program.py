"""A template made ready for many recipients: fixed text, with the places where something differs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from liquid.exceptions import LiquidError, LiquidInterrupt, LiquidSyntaxError
from markupsafe import escape

from clarion.templates.context import Scope, variables_of
from clarion.templates.limits import Page
from clarion.templates.show import plain

if TYPE_CHECKING:
    from liquid import Node
    from liquid.token import Token

    from clarion.templates.limits import Run
    from clarion.templates.unit import Unit


#: What HTML has a meaning of its own for.
_SPECIAL = re.compile("[&<>\"']").search


@dataclass(frozen=True, slots=True)
class Default:
    """``| default: …`` with something that is known."""

    #: As it is printed; None when it is missing itself.
    text: str | None
    #: Not escaped; empty when that cannot be told.
    plain: str
    #: What is missing when it is.
    name: str
    token: Token | None


@dataclass(frozen=True, slots=True)
class Hole:
    """``{{ recipient.data.seat }}``: one value by its path, the commonest thing that differs."""

    root: str
    keys: tuple[str, ...]
    html: bool
    token: Token | None
    default: Default | None = None

    @property
    def name(self) -> str:
        return self.root + "".join(
            f".{key}" if key.replace("-", "_").isidentifier() else f"[{key!r}]" for key in self.keys
        )

    def value(self, variables: Mapping[str, object], run: Run) -> str:
        """The value as text, not escaped unless it is markup. As Liquid does it, at a tenth of the cost."""
        value: object = variables[self.root]
        try:
            for key in self.keys:
                value = value[key]  # type: ignore[index]
        except (KeyError, TypeError, IndexError):
            value = None
        kind = type(value)
        if kind is str and (value or self.default is None):
            return value  # type: ignore[return-value]
        if kind is int:
            return str(value)
        if self.default is not None:
            if value is None or value is False or (not value and isinstance(value, str | list | dict)):
                if self.default.text is None:
                    run.missing.setdefault(self.default.name, self.default.token)
                return self.default.text or ""
        elif value is None:
            run.missing.setdefault(self.name, self.token)
            return ""
        return plain(value, run)

    def unescaped(self, value: str) -> str:
        """What `value` gave, as text in any case; empty when it is markup that is not just text."""
        return self.default.plain if self.default is not None and value is self.default.text else value


class Shelf(NamedTuple):
    """Holes whose values stand beside each other, such as all of ``recipient.data``: looked up together."""

    #: The keys that lead there, the root first.
    path: tuple[str, ...]
    #: The number of each hole among all of the program, the part that it writes, its last key, and the hole.
    holes: tuple[tuple[int, int, str, Hole], ...]

    def held(self, variables: Mapping[str, object]) -> Mapping[str, object]:
        """What stands there; nothing where the way does not lead to plain data."""
        held: object = variables
        for key in self.path:
            if type(held) is not dict:
                return {}
            held = held.get(key)
        return held if type(held) is dict else {}


def _shelves(holes: Sequence[tuple[int, Hole]]) -> tuple[Shelf, ...]:
    found: dict[tuple[str, ...], list[tuple[int, int, str, Hole]]] = {}
    for number, (index, hole) in enumerate(holes):
        *path, last = (hole.root, *hole.keys)
        found.setdefault(tuple(path), []).append((number, index, last, hole))
    return tuple(Shelf(path, tuple(held)) for path, held in found.items())


@dataclass(frozen=True, slots=True)
class Step:
    """Nodes that Liquid renders for each recipient."""

    unit: Unit
    nodes: tuple[Node, ...]
    #: What the fixed nodes before them have assigned, when that is news since the step before.
    assigned: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """What is left of a template when the recipient is all that is not known."""

    #: Text, with "" where `holes` and `steps` write.
    parts: tuple[str, ...]
    holes: tuple[tuple[int, Hole], ...] = ()
    steps: tuple[tuple[int, Step], ...] = ()
    #: What a layout goes around, when that cannot simply be put in its place.
    inner: Program | None = None
    html: bool = False
    #: Characters of the fixed text.
    size: int = 0
    #: `holes` by where their values stand.
    shelves: tuple[Shelf, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shelves", _shelves(self.holes))

    @property
    def fixed(self) -> bool:
        """Whether it is the same for every recipient."""
        return not self.holes and not self.steps

    def render(self, variables: Mapping[str, object], run: Run) -> str:
        """The text for the recipient in *variables*."""
        if len(self.parts) == 1 and self.fixed:
            run.write(self.size)
            return self.parts[0]
        out = list(self.parts)
        self.fill(out, variables, run)
        if self.steps:
            self._take_steps(out, variables, run)
        return "".join(out)

    def fill(self, out: list[str], variables: Mapping[str, object], run: Run) -> list[str]:
        """Put the values of the holes into *out*; gives them as they are, not escaped."""
        values = [""] * len(self.holes)
        ordinary = True
        for shelf in self.shelves:
            held = shelf.held(variables)
            for number, index, key, hole in shelf.holes:
                value = held.get(key)
                if type(value) is str and value:
                    out[index] = values[number] = value
                    continue
                ordinary = ordinary and type(value) is int
                out[index] = text = hole.value(variables, run)
                values[number] = text if hole.default is None else hole.unescaped(text)
        together = "".join(values)
        # To look whether there is anything to escape, in all at once, takes a tenth of the time that escaping does.
        if ordinary and not _SPECIAL(together):
            run.write(self.size + len(together))
            return values
        for index, hole in self.holes:
            if hole.html:
                out[index] = escape(out[index])
        run.write(self.size + sum(len(out[index]) for index, _ in self.holes))
        return values

    def _take_steps(self, out: list[str], variables: Mapping[str, object], run: Run) -> None:
        if self.inner is not None:
            chars = run.chars
            content = self.inner.render(variables, run)
            run.chars = chars  # what goes out is the layout with it, counted below
            variables = variables_of(variables, content, html=self.html)
        scopes: dict[int, Scope] = {}
        for index, step in self.steps:
            scope = scopes.get(id(step.unit))
            if scope is None:
                scope = scopes[id(step.unit)] = Scope(step.unit.template, globals=variables, run=run)
            if step.assigned is not None:
                scope.locals.update(step.assigned)
            page = Page(run)
            render_nodes(step.nodes, scope, page)
            out[index] = page.getvalue()


def render_nodes(nodes: Sequence[Node], scope: Scope, page: Page) -> None:
    """Render *nodes* one after the other. Raises `LiquidError` with the place where it happened."""
    for node in nodes:
        try:
            node.render(scope, page)  # type: ignore[arg-type]
        except LiquidInterrupt as interrupt:
            raise LiquidSyntaxError(f"'{interrupt}' outside of a loop", token=node.token) from None
        except LiquidError as error:
            error.token = error.token or node.token
            raise
