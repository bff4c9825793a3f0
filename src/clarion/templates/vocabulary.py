"""The names that templates may use, and the mistakes made with them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from liquid import Node
from liquid.builtin.expressions import Path
from liquid.builtin.tags.render_tag import RenderNode
from liquid.token import Token

from clarion.domain.suggest import nearest
from clarion.templates.errors import TemplateFault, fault
from clarion.templates.language import environment
from clarion.templates.tree import expressions, filters_of, partial_name
from clarion.templates.unit import Unit

Roots = Mapping[str, tuple[str, ...] | None]

#: The names every template sees, with their fields where those are fixed.
ROOTS: Roots = {
    "payload": None,
    "recipient": ("id", "name", "email", "phone", "locale", "timezone", "data"),
    "workflow": ("key",),
    "trigger": ("id", "transaction_id", "metadata", "created_at"),
    "message": ("id", "channel", "unsubscribe_url"),
}
#: Those whose values all messages of a trigger share.
SHARED: Roots = {name: ROOTS[name] for name in ("payload", "workflow", "trigger")}
_PROPERTIES = ("size", "first", "last")


def check(
    unit: Unit, names: Collection[str], partials: Collection[str], roots: Roots = ROOTS
) -> Iterator[TemplateFault]:
    """The mistakes in *unit*, which sees *names* besides *roots* and may render *partials*."""
    assigned = {name for each in unit.facts for name in each.writes}
    yield from _Checker(unit, partials, roots).visit(unit.nodes, frozenset((*roots, *names, *assigned)))


def suggest(name: str, known: Iterable[str]) -> str:
    """``; did you mean `x`?``, or nothing when nothing known is like *name*."""
    near = nearest(name, known)
    return f"; did you mean `{near}`?" if near else ""


def paths(nodes: Iterable[Node], local: frozenset[str] = frozenset()) -> Iterator[str]:
    """The paths that *nodes* read from outside of them, as templates write them."""
    for node in nodes:
        for expression in expressions(node):
            if isinstance(expression, Path) and str(expression.head()) not in local:
                yield str(expression)
        local = local.union(map(str, node.template_scope()))
        inner = local.union(map(str, node.block_scope()))
        yield from paths(_children(node), inner)


class _Checker:
    def __init__(self, unit: Unit, partials: Collection[str], roots: Roots) -> None:
        self._unit = unit
        self._roots = roots
        self._partials = partials
        self._filters = environment(unit.kind).filters

    def visit(self, nodes: Iterable[Node], names: frozenset[str]) -> Iterator[TemplateFault]:
        for node in nodes:
            for expression in expressions(node):
                if isinstance(expression, Path):
                    yield from self._path(expression, names)
                for used in filters_of(expression):
                    if used.name not in self._filters:
                        hint = suggest(used.name, self._filters)
                        yield self._fault(used.token, f"there is no filter `{used.name}`{hint}", "unknown_filter")
            block = tuple(map(str, node.block_scope()))
            for name in (*map(str, node.template_scope()), *block):
                if name in self._roots:
                    yield self._fault(node.token, f"`{name}` cannot be used for a variable", "reserved_name")
            if isinstance(node, RenderNode):
                yield from self._render(node)
            yield from self.visit(_children(node), names.union(block))

    def _path(self, path: Path, names: frozenset[str]) -> Iterator[TemplateFault]:
        root = path.head()
        if not isinstance(root, str) or root not in names:
            if isinstance(root, str):
                hint = suggest(root, names) or self._own_values(root)
            else:
                hint = "; a path begins with a name"
            yield self._fault(path.token, f"there is no variable `{root}`{hint}", "unknown_variable")
            return
        fields, key = self._roots.get(root), path.path[1] if len(path.path) > 1 else None
        if fields is not None and isinstance(key, str) and key not in (*fields, *_PROPERTIES):
            own = f"; own fields are under `recipient.data`: `recipient.data.{key}`" if root == "recipient" else ""
            hint = suggest(key, fields) or own
            yield self._fault(path.token, f"there is no variable `{root}.{key}`{hint}", "unknown_variable")

    def _own_values(self, root: str) -> str:
        if "payload" in self._roots:
            return f"; the trigger's own values are under `payload`: `payload.{root}`"
        return f"; the event's own values are under `data`: `data.{root}`"

    def _render(self, node: RenderNode) -> Iterator[TemplateFault]:
        name = partial_name(node)
        if name is None:
            yield self._fault(node.token, "render takes the name of a partial in quotes", "invalid_template")
        elif name not in self._partials:
            hint = suggest(name, self._partials)
            kind = self._unit.kind
            yield self._fault(node.token, f"there is no layouts/{name}.{kind} to render{hint}", "unknown_partial")

    def _fault(self, token: Token, detail: str, code: str) -> TemplateFault:
        file, line = self._unit.place(token)
        return fault(file, line, detail, code, key=self._unit.key)


def _children(node: Node) -> Iterable[Node]:
    if isinstance(node, RenderNode):
        return ()
    return node.children(None, include_partials=False)  # type: ignore[arg-type]  # only partials look at the context
