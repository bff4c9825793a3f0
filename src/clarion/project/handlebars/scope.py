"""What a Handlebars path means where it stands, as Liquid: contexts, loops and block parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from clarion.project.handlebars.tree import Path

#: Words that Liquid reads as something else where a path goes on.
_RESERVED = frozenset(
    (
        *("and", "as", "blank", "by", "cols", "contains", "else", "empty", "false", "for", "if", "in", "limit", "nil"),
        *("not", "null", "offset", "or", "required", "reversed", "true", "with"),
    )
)
#: Names that a loop's variable must not hide.
_TAKEN = _RESERVED | {"payload", "recipient", "trigger", "workflow", "message", "content", "forloop", "data", "event"}


class Unsupported(Exception):
    """It has no counterpart in Liquid."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Loop:
    """One ``each`` around."""

    variable: str
    #: Whether it goes over the entries of a map: the variable is then a pair.
    is_map: bool


@dataclass(frozen=True, slots=True)
class Expression:
    """A path in Liquid."""

    text: str
    #: Whether it is always there: it belongs to the loop.
    sure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where we are."""

    #: Liquid for ``this``, from the root inwards.
    contexts: tuple[str, ...]
    loops: tuple[Loop, ...] = ()
    #: Block parameters in sight: a path, or the number of the loop whose index or key it is.
    names: Mapping[str, str | int] = None  # type: ignore[assignment]

    @classmethod
    def root(cls, name: str) -> Scope:
        return cls(contexts=(name,), names={})

    @property
    def this(self) -> str:
        return self.contexts[-1]

    def into(self, context: str, block_params: Sequence[str]) -> Scope:
        """Inside of a ``with`` of *context*."""
        names = {**self.names, **dict.fromkeys(block_params[:1], context)}
        contexts = self.contexts if context == self.this else (*self.contexts, context)
        return replace(self, contexts=contexts, names=names)

    def each(self, block_params: Sequence[str], *, is_map: bool) -> tuple[Scope, str]:
        """Inside of an ``each``, and the name of its variable."""
        used = {loop.variable for loop in self.loops}
        wanted = block_params[0] if block_params and not is_map else ("pair" if is_map else "item")
        if not (wanted.isidentifier() and wanted.isascii()) or wanted in _TAKEN:
            wanted = "item"
        variable, number = wanted, 1
        while variable in used:
            number += 1
            variable = f"{wanted}_{number}"
        this = f"{variable}[1]" if is_map else variable
        names: dict[str, str | int] = dict(self.names)
        if block_params:
            names[block_params[0]] = this
        if len(block_params) > 1:
            names[block_params[1]] = len(self.loops)
        loops = (*self.loops, Loop(variable, is_map))
        return replace(self, contexts=(*self.contexts, this), loops=loops, names=names), variable

    def expression(self, path: Path) -> Expression:
        """*path* as Liquid. Raises `Unsupported`."""
        if path.data:
            return self._data(path)
        if not path.scoped and path.parts and path.parts[0] in self.names:
            meant = self.names[path.parts[0]]
            if isinstance(meant, int):
                return self._position("key" if self.loops[meant].is_map else "index", len(self.loops) - 1 - meant)
            return Expression(meant + _fields(path.parts[1:]))
        if path.up >= len(self.contexts):
            raise Unsupported(f"`{path.text}` leads out of the template", "name what it means, from payload on")
        context = self.contexts[-1 - path.up]
        return Expression(context + _fields(path.parts))

    def _data(self, path: Path) -> Expression:
        name = path.parts[0] if path.parts else ""
        if name == "root":
            return Expression(self.contexts[0] + _fields(path.parts[1:]))
        if name not in ("index", "key", "first", "last") or len(path.parts) > 1:
            raise Unsupported(f"`{path.text}` is set by a program", "put it into the payload")
        if path.up >= len(self.loops):
            raise Unsupported(f"`{path.text}` stands outside of an each", "remove it, or give it a value")
        return self._position(name, path.up)

    def _position(self, name: str, up: int) -> Expression:
        loop = self.loops[-1 - up]
        if name == "key" and loop.is_map:
            return Expression(f"{loop.variable}[0]", sure=True)
        name = {"index": "index0", "key": "index0"}.get(name, name)
        return Expression(f"forloop{'.parentloop' * up}.{name}", sure=True)


def _fields(parts: Sequence[str]) -> str:
    return "".join(_field(part, last=number == len(parts) - 1) for number, part in enumerate(parts))


def _field(part: str, *, last: bool) -> str:
    if part == "length" and last:
        return ".size"
    if part.isdecimal() and part.isascii():
        return f"[{int(part)}]"
    if part.replace("-", "_").isidentifier() and part.isascii() and part not in _RESERVED:
        return f".{part}"
    quote = "'" if '"' in part else '"'
    if quote in part or "\\" in part or "}}" in part or "%}" in part:
        raise Unsupported(f"`{part}` cannot be the name of a field in Liquid", "rename it in the payload")
    return f"[{quote}{part}{quote}]"
