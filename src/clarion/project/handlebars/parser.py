"""Handlebars, as a tree: what stands in which block."""

from __future__ import annotations

from dataclasses import dataclass

from clarion.project.handlebars.expression import parse_call
from clarion.project.handlebars.lexer import Mustache, Text, tokens
from clarion.project.handlebars.tree import Block, Call, Content, HandlebarsError, Path, Program, Tag

#: Blocks deeper than this are nobody's template.
_DEEPEST = 50
#: … nor so many branches of one.
_LONGEST_CHAIN = 100


@dataclass(slots=True)
class _Open:
    """A block that has not been closed yet."""

    block: Block
    name: str
    #: Where its nodes go now.
    into: Program
    #: Blocks that its ``{{else if}}`` have opened, the outermost first.
    chain: list[Block]


def parse(source: str) -> Program:
    """The tree of *source*. Raises `HandlebarsError`."""
    root = Program()
    stack: list[_Open] = []
    for token in tokens(source):
        into = stack[-1].into if stack else root
        if isinstance(token, Text):
            into.body.append(Content(token.value, token.value))
        elif token.sign in ("#", "^") and token.inner:
            _open(token, stack, into)
        elif _is_else(token):
            _else(token, stack)
        elif token.sign == "/":
            _close(token, stack)
        else:
            _alone(token, stack, into)
    if stack:
        raise HandlebarsError(f"the block `{stack[-1].name}` is never closed", stack[-1].block.at)
    return root


def _is_else(token: Mustache) -> bool:
    return token.sign == "^" or (token.sign == "" and token.inner.split(maxsplit=1)[:1] == ["else"])


def _open(token: Mustache, stack: list[_Open], into: Program) -> None:
    if len(stack) >= _DEEPEST:
        raise HandlebarsError("blocks are nested too deeply", token.at)
    call = parse_call(token.inner, token.at)
    block = Block(
        at=token.at,
        text=token.text,
        call=call,
        program=Program(),
        inverted=token.sign == "^",
        open=token.strip,
    )
    into.body.append(block)
    stack.append(_Open(block, _name(call), block.program, []))


def _else(token: Mustache, stack: list[_Open]) -> None:
    if not stack:
        raise HandlebarsError("an `else` stands outside of a block", token.at)
    here = stack[-1]
    innermost = here.chain[-1] if here.chain else here.block
    if innermost.inverse is not None:
        raise HandlebarsError("there is an `else` already", token.at)
    rest = token.inner.removeprefix("else").strip() if token.sign == "" else ""
    innermost.middle = token.strip
    innermost.inverse = Program(chained=bool(rest))
    if not rest:
        here.into = innermost.inverse
        return
    block = Block(
        at=token.at, text=f"else {rest}", call=parse_call(rest, token.at), program=Program(), open=token.strip
    )
    innermost.inverse.body.append(block)
    if len(here.chain) >= _LONGEST_CHAIN:
        raise HandlebarsError(f"more than {_LONGEST_CHAIN} `else if` of one block", token.at)
    here.chain.append(block)
    here.into = block.program


def _close(token: Mustache, stack: list[_Open]) -> None:
    if not stack:
        raise HandlebarsError(f"`/{token.inner}` closes nothing", token.at)
    here = stack.pop()
    if token.inner != here.name:
        raise HandlebarsError(f"`/{token.inner}` stands where `/{here.name}` should", token.at)
    here.block.close = token.strip
    # Handlebars ends the first block of a chain by the tag that closes all, and each further one by its own `else`.
    for number, block in enumerate(here.chain):
        block.close = block.open if number else token.strip


def _alone(token: Mustache, stack: list[_Open], into: Program) -> None:
    if token.sign == "!":
        into.body.append(Tag(kind="comment", at=token.at, strip=token.strip, text=token.text))
    elif token.sign in ("", "&", "{", ">"):
        kind = {"": "value", ">": "partial"}.get(token.sign, "raw")
        call = parse_call(token.inner, token.at)
        into.body.append(Tag(kind=kind, at=token.at, strip=token.strip, text=token.text, call=call))
    elif token.sign in ("#*", "#>"):
        # What it holds is read as a block, so that its end is found.
        _open(token, stack, into)
        stack[-1].name = _name(stack[-1].block.call) if token.sign == "#>" else token.inner.split()[0]
    else:
        into.body.append(Tag(kind="unknown", at=token.at, strip=token.strip, text=token.text))


def _name(call: Call) -> str:
    return call.head.text if isinstance(call.head, Path) else str(getattr(call.head, "value", "")).lower()
