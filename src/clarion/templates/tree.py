"""What is in a parsed template: its nodes, the names it reads and writes, the filters and partials it uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from liquid import Node
from liquid.builtin.expressions import FilteredExpression, LoopExpression, Path, StringLiteral
from liquid.builtin.tags.cycle_tag import CycleNode
from liquid.builtin.tags.decrement_tag import DecrementNode
from liquid.builtin.tags.ifchanged_tag import IfChangedNode
from liquid.builtin.tags.increment_tag import IncrementNode
from liquid.builtin.tags.render_tag import RenderNode
from liquid.expression import Expression

#: A name no template can write: what cycles, counters and ``offset: continue`` remember from node to node.
STATE = "#state"

_STATEFUL = (CycleNode, IfChangedNode, IncrementNode, DecrementNode)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a node, with all that is in it, depends on and leaves behind."""

    #: First segments of the paths it reads, in partials too.
    reads: frozenset[str]
    #: Variables it sets, and `STATE`.
    writes: frozenset[str]
    filters: frozenset[str]
    #: Partials it renders itself.
    partials: frozenset[str]
    #: Whether a loop is in it, and whether one that begins where the last loop of its kind ended.
    loops: bool
    goes_on: bool


def facts(node: Node) -> Facts:
    """The facts of *node*; of its partials only their names."""
    reads, writes, filters, partials = set[str](), set[str](), set[str](), set[str]()
    loops = goes_on = False
    for inner in walk((node,)):
        writes.update(map(str, inner.template_scope()))
        if isinstance(inner, _STATEFUL):
            writes.add(STATE)
        if isinstance(inner, RenderNode):
            partials.add(partial_name(inner) or "")
        for expression in expressions(inner):
            if isinstance(expression, Path):
                reads.add(str(expression.head()))
            elif isinstance(expression, LoopExpression):
                loops = True
                goes_on = goes_on or _goes_on(expression)
            for used in filters_of(expression):
                filters.add(used.name)
    return Facts(frozenset(reads), frozenset(writes), frozenset(filters), frozenset(partials), loops, goes_on)


def walk(nodes: Iterable[Node]) -> Iterator[Node]:
    """All nodes in *nodes* and below, without partials."""
    for node in nodes:
        yield node
        yield from walk(node.children(cast("Any", None), include_partials=False) if _has_children(node) else ())


def expressions(node: Node) -> Iterator[Expression]:
    """All expressions of *node* itself and the ones within them."""
    for expression in node.expressions():
        yield from _descend(expression)


def filters_of(expression: Expression) -> Iterable[Any]:
    """The filters that *expression* applies itself."""
    return (expression.filters or ()) if isinstance(expression, FilteredExpression) else ()


def partial_name(node: RenderNode) -> str | None:
    """The name of the partial, or None when the tag does not name it in quotes."""
    return str(node.name.value) if isinstance(node.name, StringLiteral) else None


def _goes_on(loop: LoopExpression) -> bool:
    """Whether *loop* begins where the last one ended."""
    return isinstance(loop.offset, StringLiteral) and loop.offset.value == "continue"


def _has_children(node: Node) -> bool:
    return not isinstance(node, RenderNode)


def _descend(expression: Expression) -> Iterator[Expression]:
    yield expression
    for inner in expression.children():
        yield from _descend(inner)
