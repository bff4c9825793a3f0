"""What a Handlebars template consists of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class HandlebarsError(Exception):
    """The template cannot be read on from here."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message = message
        #: The offset in the source.
        self.at = at


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """``a.b``, ``../x``, ``this``, ``@index``."""

    text: str
    parts: tuple[str, ...]
    #: How many ``../`` stand before it.
    up: int = 0
    #: Whether it begins with ``@``.
    data: bool = False
    #: Whether it begins with ``this``, ``.`` or ``..``: then it is no block parameter.
    scoped: bool = False


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, a number, or a word such as ``true``."""

    value: str | float | bool | None


@dataclass(frozen=True, slots=True)
class Sub:
    """``(helper …)`` as a value."""

    text: str


Value = Path | Literal | Sub


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What stands between the braces: a value, or a helper with what it is given."""

    head: Value
    params: tuple[Value, ...] = ()
    hash: Mapping[str, Value] = field(default_factory=dict)
    block_params: tuple[str, ...] = ()


@dataclass(slots=True)
class Content:
    """Text that stays as it is, but for white space that tags take away."""

    value: str
    original: str
    right_stripped: bool = False
    left_stripped: bool = False


@dataclass(frozen=True, slots=True)
class Strip:
    """Which sides of a tag have a ``~``."""

    open: bool = False
    close: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """A tag that stands alone: ``{{value}}``, ``{{{raw}}}``, ``{{> partial}}``, a comment, or one that we cannot do."""

    #: ``value``, ``raw``, ``partial``, ``comment`` or ``unknown``.
    kind: str
    at: int
    strip: Strip
    #: As it is written, without the braces.
    text: str
    call: Call | None = None


@dataclass(slots=True, kw_only=True)
class Block:
    """``{{#name …}} … {{else}} … {{/name}}``."""

    at: int
    text: str
    call: Call
    program: Program
    inverse: Program | None = None
    #: Whether it is ``{{^name}}``: what it has is shown where the value is not.
    inverted: bool = False
    open: Strip = Strip()
    middle: Strip = Strip()
    close: Strip = Strip()


Node = Content | Tag | Block


@dataclass(slots=True)
class Program:
    """Nodes in their order."""

    body: list[Node] = field(default_factory=list)
    #: Whether it is the ``{{else if …}}`` of the block around it: one block and nothing else.
    chained: bool = False
