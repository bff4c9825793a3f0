"""Partial evaluation: what does not depend on the recipient is rendered once, around what does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from liquid.builtin.expressions import FilteredExpression, Path, PositionalArgument, StringLiteral
from markupsafe import Markup

from clarion.templates.absent import Absent
from clarion.templates.context import Scope, variables_of
from clarion.templates.language import ShowNode
from clarion.templates.limits import Page
from clarion.templates.program import Default, Hole, Program, Step, render_nodes
from clarion.templates.show import plain, show
from clarion.templates.unit import dynamic

if TYPE_CHECKING:
    from liquid import Node
    from liquid.builtin.expressions.filtered import Filter

    from clarion.templates.limits import Run
    from clarion.templates.unit import Unit

#: What is known only when a message is rendered.
PER_MESSAGE = ("recipient", "message")
#: Text that is marked as HTML and has any of these is more than text.
_MARKED = re.compile("[<>&]")
#: These are no keys to Liquid where the data has none of the name.
_SPECIAL = frozenset(("size", "first", "last"))


def fold(
    unit: Unit,
    variables: Mapping[str, object],
    run: Run,
    reads_of: Callable[[str], frozenset[str]],
    content: Program | None = None,
    *,
    open_roots: Sequence[str] = PER_MESSAGE,
) -> Program:
    """*unit* with *variables* filled in; *content* is what it goes around, if it is a layout.

    *open_roots* are the variables that are only known when a message is rendered.
    """
    return _Folding(unit, variables, run, content, open_roots).fold(reads_of)


class _Folding:
    def __init__(
        self,
        unit: Unit,
        variables: Mapping[str, object],
        run: Run,
        content: Program | None,
        open_roots: Sequence[str],
    ) -> None:
        self._open_roots = open_roots
        self._unit = unit
        self._run = run
        self._content = content
        self._html = unit.kind == "html"
        fixed = content.parts[0] if content is not None and content.fixed else None
        self._scope = Scope(unit.template, globals=variables_of(variables, fixed, html=self._html), run=run)
        self._parts: list[str] = []
        self._holes: list[tuple[int, Hole]] = []
        self._steps: list[tuple[int, Step]] = []
        self._known: dict[str, object] = {}

    def fold(self, reads_of: Callable[[str], frozenset[str]]) -> Program:
        content = self._content
        foldable = content is not None and not content.fixed and content.inner is None
        splice = content if foldable and self._splices() else None
        names = self._open_roots
        if content is not None and not content.fixed and splice is None:
            names = (*names, "content")
        tainted, marks = dynamic(self._unit, names, reads_of)
        page = Page(self._run)
        for node, differs in zip(self._unit.nodes, marks, strict=True):
            if splice is not None and _is_content(node):
                self._flush(page.getvalue())
                page = Page(self._run)
                self._splice(splice)
                continue
            hole = _hole(node, self._scope, tainted, self._open_roots) if differs else None
            if not differs:
                render_nodes((node,), self._scope, page)
                continue
            self._flush(page.getvalue())
            page = Page(self._run)
            if hole is not None:
                self._holes.append((self._place(), hole))
            else:
                self._steps.append((self._place(), Step(self._unit, (node,), self._news())))
        self._flush(page.getvalue())
        return self._program(content if splice is None and self._steps else None)

    def _splices(self) -> bool:
        """Whether the content stands once, by itself, at the top level of the layout, and nothing else reads it."""
        places = [_is_content(node) for node in self._unit.nodes]
        readers = ["content" in each.reads or each.partials for each in self._unit.facts]
        return sum(places) == 1 and all(place or not reads for place, reads in zip(places, readers, strict=True))

    def _splice(self, content: Program) -> None:
        offset = len(self._parts)
        self._parts.extend(content.parts)
        self._holes.extend((index + offset, hole) for index, hole in content.holes)
        self._steps.extend((index + offset, step) for index, step in content.steps)

    def _flush(self, text: str) -> None:
        if text:
            self._parts.append(text)

    def _place(self) -> int:
        self._parts.append("")
        return len(self._parts) - 1

    def _news(self) -> dict[str, object] | None:
        """What fixed nodes have assigned, if that has changed since the last step."""
        now = {**self._scope.counters, **self._scope.locals}
        if all(name in self._known and self._known[name] is value for name, value in now.items()):
            return None
        self._known = now
        return now

    def _program(self, inner: Program | None) -> Program:
        parts = self._parts
        if not self._holes and not self._steps:
            parts = ["".join(parts)]
        return Program(
            tuple(parts),
            holes=tuple(self._holes),
            steps=tuple(self._steps),
            inner=inner,
            html=self._html,
            size=sum(map(len, parts)),
        )


def _is_content(node: Node) -> bool:
    """Whether *node* is ``{{ content }}``."""
    path = _path(node)
    return path is not None and path.path == ["content"]


def _path(node: Node) -> Path | None:
    """The path that *node* prints, if it prints one as it is."""
    expression = node.expression if isinstance(node, ShowNode) else None
    if isinstance(expression, FilteredExpression) and not expression.filters and isinstance(expression.left, Path):
        return expression.left
    return None


def _hole(node: Node, scope: Scope, tainted: frozenset[str], open_roots: Sequence[str]) -> Hole | None:
    """*node* as a hole, if it is as simple as that; what is in *scope* and not *tainted* is known."""
    expression = node.expression if isinstance(node, ShowNode) else None
    if not isinstance(expression, FilteredExpression) or not isinstance(expression.left, Path):
        return None
    root, *keys = expression.left.path
    if root not in open_roots or not keys or not all(isinstance(key, str) and key not in _SPECIAL for key in keys):
        return None
    default = None
    if expression.filters:
        default = _default(expression.filters, scope, tainted)
        if default is None:
            return None
    return Hole(str(root), tuple(map(str, keys)), scope.autoescape, expression.left.token, default)


def _default(filters: Sequence[Filter], scope: Scope, tainted: frozenset[str]) -> Default | None:
    """*filters* as a default, if they are one that is known and nothing else."""
    used, *others = filters
    if others or used.name != "default" or len(used.args) != 1 or not isinstance(used.args[0], PositionalArgument):
        return None
    given = used.args[0].value
    if not isinstance(given, StringLiteral) and not (isinstance(given, Path) and _is_known(given, tainted)):
        return None
    value = given.evaluate(scope)
    if isinstance(value, Absent):
        return Default(None, "", value.name, value.token)
    text = show(value, scope.run, html=scope.autoescape)
    words = "" if isinstance(value, Markup) and _MARKED.search(value) else str(plain(value, scope.run))
    return Default(text, words, "", None)


def _is_known(path: Path, tainted: frozenset[str]) -> bool:
    """Whether *path* can be followed without the recipient."""
    return str(path.head()) not in tainted and not path.children()
