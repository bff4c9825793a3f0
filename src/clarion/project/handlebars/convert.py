"""Handlebars into Liquid: the same text from the same data, and a list of what only a person can turn.

What Handlebars shows of a missing value is nothing, where Clarion would refuse to send: so every value gets an empty
default, unless *strict* leaves that to Clarion. ``if`` asks what JavaScript takes for true: 0, "" and [] are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from clarion.project.handlebars import parser, whitespace
from clarion.project.handlebars.keys import uses_key
from clarion.project.handlebars.scope import Expression, Scope, Unsupported
from clarion.project.handlebars.tree import Block, Call, Content, HandlebarsError, Literal, Node, Path, Program, Tag
from clarion.project.mistake import Mistake, Severity

_DEFAULT = ' | default: "", allow_false: true'
_TAG = re.compile(r"\{%.*?%\}", re.DOTALL)
_OPENINGS = re.compile(r"\{\{|\{%|\{\Z")
#: Names that mean a helper of Handlebars wherever they stand alone.
_HELPERS = frozenset(("if", "unless", "each", "with", "lookup", "log"))
_BY_HAND = "write it in Liquid, or have the program send the finished value"


@dataclass(slots=True)
class Converted:
    """A template in Liquid."""

    liquid: str
    #: What was not turned (errors), and what should be looked at (warnings).
    mistakes: list[Mistake] = field(default_factory=list)


def convert(source: str, file: str, *, html: bool = True, root: str = "payload", strict: bool = False) -> Converted:
    """*source*, the content of *file*, in Liquid whose values are fields of *root*.

    Where something could not be turned, a comment stands in its place. A template that cannot be read gives nothing.
    """
    writer = _Writer(source, file, html=html, strict=strict)
    try:
        tree = parser.parse(source)
    except HandlebarsError as error:
        writer.note(error.at, error.message, "see that it renders with Handlebars itself")
        return Converted("", writer.mistakes)
    whitespace.strip(tree)
    return Converted("".join(writer.program(tree, Scope.root(root))), writer.mistakes)


class _Writer:
    def __init__(self, source: str, file: str, *, html: bool, strict: bool) -> None:
        self._source = source
        self._file = file
        self._html = html
        self._strict = strict
        self.mistakes: list[Mistake] = []

    def note(self, at: int, message: str, hint: str, severity: Severity = Severity.ERROR) -> None:
        line = self._source.count("\n", 0, at) + 1
        column = at - (self._source.rfind("\n", 0, at) + 1) + 1
        self.mistakes.append(
            Mistake(file=self._file, line=line, column=column, message=message, hint=hint, severity=severity)
        )

    def program(self, program: Program, scope: Scope) -> Iterator[str]:
        for node in program.body:
            yield from self._node(node, scope)

    def _node(self, node: Node, scope: Scope) -> Iterator[str]:
        if isinstance(node, Content):
            yield _literally(node.value)
            return
        try:
            # Whole, so that half a block is never left when something inside its own tag cannot be turned.
            yield "".join(self._block(node, scope) if isinstance(node, Block) else self._tag(node, scope))
        except Unsupported as error:
            self.note(node.at, error.what, error.hint)
            yield f"{{% comment %}}not converted: {_harmless(node.text)}{{% endcomment %}}"
            if isinstance(node, Block):
                yield from self._inside(node, scope)

    def _inside(self, block: Block, scope: Scope) -> Iterator[str]:
        """What stands in a block that could not be turned, to be put where it belongs by hand."""
        yield from self.program(block.program, scope)
        if block.inverse is not None:
            yield "{% comment %}not converted: else{% endcomment %}"
            yield from self.program(block.inverse, scope)
        yield "{% comment %}not converted: end{% endcomment %}"

    def _tag(self, tag: Tag, scope: Scope) -> Iterator[str]:
        if tag.kind == "comment":
            return
        if tag.kind == "unknown" or tag.call is None:
            raise Unsupported(f"`{{{{{tag.text}}}}}` has no counterpart", _BY_HAND)
        if tag.kind == "partial":
            yield self._partial(tag, tag.call, scope)
            return
        value = self._value(tag.call, scope)
        self._look_at_length(tag.call, tag.at)
        default = "" if self._strict or value.sure else _DEFAULT
        safe = " | safe" if tag.kind == "raw" and self._html else ""
        yield f"{{{{ {value.text}{default}{safe} }}}}"

    def _value(self, call: Call, scope: Scope) -> Expression:
        if call.params or call.hash or not isinstance(call.head, Path) or call.head.text in _HELPERS:
            name = call.head.text if isinstance(call.head, Path) else str(getattr(call.head, "value", call.head))
            raise Unsupported(f"`{name}` is a helper, or a literal", _BY_HAND)
        return scope.expression(call.head)

    def _partial(self, tag: Tag, call: Call, scope: Scope) -> str:
        head = call.head
        if not isinstance(head, Path | Literal) or call.hash or len(call.params) > 1:
            raise Unsupported(
                f"the partial `{tag.text}` takes its name or values from a program",
                "render it with values by name: {% render 'card', title: … %}",
            )
        written = head.text if isinstance(head, Path) else str(head.value)
        name = re.sub(r"[^a-z0-9_-]+", "-", written.lower()).strip("-_")[:64]
        if not name:
            raise Unsupported(f"the partial `{written}` has no name that a layout may have", "rename it")
        if name != written:
            self.note(tag.at, f"the partial `{written}` is called `{name}` now", "name its file so", Severity.WARNING)
        context = scope.this
        if call.params:
            if not isinstance(call.params[0], Path):
                raise Unsupported(f"the partial `{written}` is given no path", "put the value into the payload")
            context = scope.expression(call.params[0]).text
        given = "" if context == scope.contexts[0] else f", {scope.contexts[0]}: {context}"
        return f"{{% render '{name}'{given} %}}"

    def _block(self, block: Block, scope: Scope) -> Iterator[str]:
        kind = block.call.head.text if isinstance(block.call.head, Path) else ""
        if block.inverted or block.text.startswith(("#*", "#>")) or kind not in ("if", "unless", "each", "with"):
            raise Unsupported(f"the block `{block.text}` has no counterpart", _advice(block))
        if len(block.call.params) != 1 or not isinstance(block.call.params[0], Path):
            raise Unsupported(f"`{block.text}` asks for more than a path", _BY_HAND)
        for param in block.call.params:
            self._look_at_length(Call(head=param), block.at)
        if kind in ("if", "unless"):
            yield from self._condition(block, kind, block.call.params[0], scope)
        elif kind == "each":
            yield from self._each(block, block.call.params[0], scope)
        else:
            yield from self._with(block, block.call.params[0], scope)

    def _condition(self, block: Block, kind: str, path: Path, scope: Scope) -> Iterator[str]:
        yield f"{{% {kind} {self._asked(block, path, scope)} %}}"
        yield self._body(block.program, scope)
        inverse = block.inverse
        while inverse is not None and (chained := _else_if(inverse)) is not None:
            condition = self._asked(chained, chained.call.params[0], scope)
            yield f"{{% elsif {condition} %}}"
            yield self._body(chained.program, scope)
            inverse = chained.inverse
        yield from self._else(inverse, scope)
        yield f"{{% end{kind} %}}"

    def _asked(self, block: Block, path: object, scope: Scope) -> str:
        """The condition that JavaScript's truth of *path* is."""
        assert isinstance(path, Path)
        zero = block.call.hash.get("includeZero")
        if block.call.hash.keys() - {"includeZero"} or not isinstance(zero, Literal | None):
            raise Unsupported(f"`{block.text}` has values that `if` does not know", _BY_HAND)
        value = scope.expression(path)
        if value.text.endswith((".first", ".last")) and value.sure:
            return value.text
        not_zero = "" if isinstance(zero, Literal) and zero.value else f" and {value.text} != 0"
        return f"{value.text}{not_zero} and {value.text} != empty"

    def _each(self, block: Block, path: Path, scope: Scope) -> Iterator[str]:
        over = scope.expression(path).text
        is_map = uses_key(block)
        if is_map:
            self.note(
                block.at,
                f"`{block.text}` goes over the entries of a map, for its block uses their keys",
                "where it is a list, write {{ forloop.index0 }} for the key",
                Severity.WARNING,
            )
        inner, variable = scope.each(block.call.block_params, is_map=is_map)
        if not self._strict:
            yield f"{{% if {over} and {over} != empty %}}" if block.inverse is not None else f"{{% if {over} %}}"
        yield f"{{% for {variable} in {over} %}}"
        yield self._body(block.program, inner)
        if self._strict:
            yield from self._else(block.inverse, scope)
            yield "{% endfor %}"
            return
        yield "{% endfor %}"
        yield from self._else(block.inverse, scope)
        yield "{% endif %}"

    def _with(self, block: Block, path: Path, scope: Scope) -> Iterator[str]:
        context = scope.expression(path).text
        yield f"{{% if {context} and {context} != empty %}}"
        yield self._body(block.program, scope.into(context, block.call.block_params))
        yield from self._else(block.inverse, scope)
        yield "{% endif %}"

    def _else(self, inverse: Program | None, scope: Scope) -> Iterator[str]:
        if inverse is not None:
            yield "{% else %}"
            yield self._body(inverse, scope)

    def _body(self, program: Program, scope: Scope) -> str:
        """What stands in a block. Liquid drops a block of nothing but white space: Handlebars keeps it."""
        text = "".join(self.program(program, scope))
        seen = _TAG.sub("", text)
        return f'{text}{{{{ "" }}}}' if seen and seen.isspace() else text

    def _look_at_length(self, call: Call, at: int) -> None:
        if isinstance(call.head, Path) and call.head.parts[-1:] == ("length",):
            self.note(
                at,
                f"`{call.head.text}` is taken for the length of a list or a text: `size` in Liquid",
                "write ['length'] where it is a field of that name",
                Severity.WARNING,
            )


def _else_if(inverse: Program) -> Block | None:
    """The ``{{else if}}`` that *inverse* is, where Liquid has one for it."""
    block = inverse.body[0] if inverse.chained else None
    if not isinstance(block, Block) or not isinstance(block.call.head, Path) or block.call.head.text != "if":
        return None
    return block if len(block.call.params) == 1 and isinstance(block.call.params[0], Path) else None


def _advice(block: Block) -> str:
    if block.text.startswith("#*"):
        return "make a file of it in layouts/, and render that"
    if block.text.startswith("#>"):
        return "make a layout of it, which shows {{ content }}"
    if not block.call.params:
        return "say which it is: each, if or with (in Handlebars), then convert again"
    return _BY_HAND


def _literally(text: str) -> str:
    """*text* so that Liquid finds nothing of its own in it."""
    return _OPENINGS.sub(lambda match: f"{{% raw %}}{match[0]}{{% endraw %}}", text)


def _harmless(text: str) -> str:
    return re.sub(r"[{}%]", "", text).strip()
