"""Liquid as Clarion speaks it: one environment that escapes for HTML, and one for plain text."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, TextIO, cast

from liquid import BoundTemplate, Environment, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoTag
from liquid.exceptions import LiquidSyntaxError, TemplateNotFoundError
from liquid.loader import BaseLoader
from liquid.token import TOKEN_TAG, Token

from clarion.templates.absent import Absent
from clarion.templates.context import Scope
from clarion.templates.filters import own_filters
from clarion.templates.show import show

if TYPE_CHECKING:
    from clarion.templates.source import Kind

_OPENING = re.compile(r"\{\{|\{%-?\s*(?P<block>raw|doc)\s*-?%\}|\{%")
_CLOSING = {name: re.compile(rf"\{{%-?\s*end{name}\s*-?%\}}") for name in ("raw", "doc")}


class ShowNode(OutputNode):
    """``{{ … }}``, printing values as Clarion shows them."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        scope = cast("Scope", context)
        value = self.expression.evaluate(scope)
        if isinstance(value, Absent):
            value.miss()
            return 0
        return buffer.write(show(value, scope.run, html=scope.autoescape))


class _ShowTag(Output):
    node_class = ShowNode


class _EchoTag(EchoTag):
    node_class = ShowNode  # type: ignore[assignment]


class _Partials(BaseLoader):
    """Finds partials among those parsed for the bundle and locale at hand; never a file."""

    def load(self, env: Environment, name: str, **more: object) -> BoundTemplate:
        scope = cast("Scope", more["context"])
        try:
            return scope.run.partials[f"{name}.{'html' if env.autoescape else 'txt'}"]
        except KeyError:
            raise TemplateNotFoundError(name) from None

    def get_source(self, *_: object, **__: object) -> object:  # type: ignore[override]
        raise NotImplementedError("partials are parsed beforehand")


@cache
def environment(kind: Kind) -> Environment:
    """The environment for templates of *kind*; made when first needed, never changed after."""
    made = Environment(autoescape=kind == "html", undefined=Absent, loader=_Partials())
    made.add_tag(_ShowTag)
    made.add_tag(_EchoTag)
    # It could take its name from the data, and its assignments leak; `render` does neither.
    del made.tags["include"]
    for name, function in own_filters().items():
        made.add_filter(name, function)
    return made


def parse(source: str, kind: Kind) -> BoundTemplate:
    """The template that *source* is. Raises `LiquidError` with a token that tells where it is wrong."""
    _check_closed(source)
    return environment(kind).from_string(source)


def _check_closed(source: str) -> None:
    """Refuse what opens and never closes: Liquid's lexer would look for the end again from every opening."""
    at = 0
    while opening := _OPENING.search(source, at):
        token = Token(TOKEN_TAG, opening[0], opening.start(), source)
        if opening["block"]:
            closing = _CLOSING[opening["block"]].search(source, opening.end())
            if closing is None:
                raise LiquidSyntaxError(f"{opening[0]} is never closed", token=token)
            at = closing.end()
            continue
        mark = "}}" if opening[0] == "{{" else "%}"
        stop = source.find(mark, opening.end())
        if stop < 0:
            raise LiquidSyntaxError(f"{opening[0]} is never closed with {mark}", token=token)
        at = stop + 2


def line_of(token: Token) -> int:
    """The line of its source on which *token* stands, 1-based."""
    return token.source.count("\n", 0, max(token.start_index, 0)) + 1
