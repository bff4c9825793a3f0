"""One piece of Liquid, parsed: a body, a layout, a partial, or a line of front matter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from liquid import BoundTemplate, Node
from liquid.token import Token

from clarion.templates.filters import RECIPIENT_FILTERS
from clarion.templates.language import parse
from clarion.templates.source import Kind, Part
from clarion.templates.tree import STATE, Facts, facts


@dataclass(frozen=True)
class Unit:
    """A parsed piece of a file."""

    part: Part
    kind: Kind
    #: As its tokens have it.
    source: str
    template: BoundTemplate
    #: Its key in the front matter, of which the lines are not kept; empty where it is the text of the file.
    key: str = ""

    @property
    def nodes(self) -> Sequence[Node]:
        return self.template.nodes

    @cached_property
    def facts(self) -> tuple[Facts, ...]:
        """The facts of each top-level node."""
        return tuple(facts(node) for node in self.nodes)

    @cached_property
    def partials(self) -> frozenset[str]:
        """The partials it renders itself."""
        return frozenset[str]().union(*(each.partials for each in self.facts))

    def place(self, token: Token | None) -> tuple[str, int | None]:
        """The file, and where it is known the line, where *token* of this unit was written."""
        if token is None or self.key:
            return self.part.file, None
        return self.part.place(token.start_index)


def parse_body(part: Part) -> Unit:
    """The text of *part*. Raises `LiquidError`."""
    return Unit(part=part, kind=part.kind, source=part.text, template=parse(part.text, part.kind))


def parse_line(part: Part, key: str, text: str) -> Unit:
    """The *text* under *key* of the front matter of *part*, which is never HTML. Raises `LiquidError`."""
    text = text.strip()
    return Unit(part=part, kind="txt", source=text, template=parse(text, "txt"), key=key)


def dynamic(
    unit: Unit, names: Iterable[str], reads_of: Callable[[str], frozenset[str]]
) -> tuple[frozenset[str], list[bool]]:
    """Which names and which top-level nodes of *unit* depend on *names*, directly or by way of variables.

    What a node of one sort writes, no node of the other sort writes: so the fixed nodes, rendered by themselves in
    order, leave the same output and the same variables as among the others. *reads_of* tells what a partial reads.
    """
    tainted = set(names)
    marks = [False] * len(unit.facts)
    reads = [_reads(each, reads_of) for each in unit.facts]
    # One loop that goes on where another ended makes every loop leave a trace.
    remembered = any(each.goes_on for each in unit.facts)
    writes = [each.writes | {STATE} if each.loops and remembered else each.writes for each in unit.facts]
    changed = True
    while changed:
        changed = False
        for index, written in enumerate(writes):
            if not marks[index] and not tainted.isdisjoint(reads[index] | written):
                marks[index] = changed = True
                tainted |= written
    return frozenset(tainted), marks


def _reads(each: Facts, reads_of: Callable[[str], frozenset[str]]) -> frozenset[str]:
    reads = each.reads.union(*(reads_of(name) for name in each.partials))
    if not RECIPIENT_FILTERS.isdisjoint(each.filters):
        reads |= {"recipient"}
    return reads


def outer_reads(unit: Unit, reads_of: Callable[[str], frozenset[str]]) -> frozenset[str]:
    """All that *unit* reads, its partials included."""
    return frozenset[str]().union(*(_reads(each, reads_of) for each in unit.facts))
