"""White space that goes: what a ``~`` takes away, and the lines that hold a tag of a block and nothing else."""

from __future__ import annotations

import re

from clarion.project.handlebars.tree import Block, Content, Node, Program, Strip, Tag

_BEGINS_A_LINE = re.compile(r"\s*?\r?\n")
_SPACE_BEFORE = re.compile(r"[ \t]+\Z")
_SPACE_AFTER = re.compile(r"[ \t]*\r?\n?")


def strip(root: Program) -> None:
    """Take away what Handlebars would not show."""
    _program(root, is_root=True)


def _program(program: Program, *, is_root: bool = False) -> None:
    body = program.body
    for at, node in enumerate(body):
        if isinstance(node, Content):
            continue
        open_alone, close_alone = _block(node) if isinstance(node, Block) else (False, False)
        edges = Strip(node.open.open, node.close.close) if isinstance(node, Block) else node.strip
        before, after = _line_ends_before(body, at, is_root), _line_begins_after(body, at, is_root)
        if edges.close:
            _omit_right(body, at, all_of_it=True)
        if edges.open:
            _omit_left(body, at, all_of_it=True)
        if isinstance(node, Tag):
            if node.kind in ("partial", "comment") and before and after:
                _omit_right(body, at)
                _omit_left(body, at)
            continue
        if open_alone and before:
            _omit_right(node.program.body, -1)
            _omit_left(body, at)
        if close_alone and after:
            _omit_right(body, at)
            last = node.inverse or node.program
            _omit_left(last.body, len(last.body))


def _block(block: Block) -> tuple[bool, bool]:
    """Strip inside of *block*; whether its opening and its closing tag end, and begin, the lines inside of it."""
    _program(block.program)
    if block.inverse is not None:
        _program(block.inverse)
    program, inverse = block.program, block.inverse
    first = _first_of(inverse) if inverse is not None else program
    open_alone = _line_begins_after(program.body, -1, False)
    close_alone = _line_ends_before(first.body, len(first.body), False)
    if block.open.close:
        _omit_right(program.body, -1, all_of_it=True)
    if inverse is None:
        if block.close.open:
            _omit_left(program.body, len(program.body), all_of_it=True)
        return open_alone, close_alone
    if block.middle.open:
        _omit_left(program.body, len(program.body), all_of_it=True)
    if block.middle.close:
        _omit_right(first.body, -1, all_of_it=True)
    if block.close.open:
        last = _last_of(inverse)
        _omit_left(last.body, len(last.body), all_of_it=True)
    if _line_ends_before(program.body, len(program.body), False) and _line_begins_after(first.body, -1, False):
        _omit_left(program.body, len(program.body))
        _omit_right(first.body, -1)
    return open_alone, close_alone


def _first_of(inverse: Program) -> Program:
    inner = inverse.body[0] if inverse.chained else None
    return inner.program if isinstance(inner, Block) else inverse


def _last_of(inverse: Program) -> Program:
    while inverse.chained:
        inner = inverse.body[-1]
        assert isinstance(inner, Block)
        inverse = inner.program
    return inverse


def _content(body: list[Node], at: int) -> Content | None:
    node = body[at] if 0 <= at < len(body) else None
    return node if isinstance(node, Content) else None


def _line_ends_before(body: list[Node], at: int, is_root: bool) -> bool:
    """Whether nothing but white space stands on the line before place *at*."""
    if at <= 0:
        return is_root
    before = _content(body, at - 1)
    if before is None:
        return False
    begins = at - 2 < 0 and is_root
    space = before.original[len(before.original.rstrip()) :]
    return "\n" in space or (begins and space == before.original)


def _line_begins_after(body: list[Node], at: int, is_root: bool) -> bool:
    """Whether nothing but white space stands on the line after place *at*."""
    if at + 1 >= len(body):
        return is_root
    after = _content(body, at + 1)
    if after is None:
        return False
    ends = at + 2 >= len(body) and is_root
    return bool(_BEGINS_A_LINE.match(after.original)) or (ends and not after.original.strip())


def _omit_right(body: list[Node], at: int, *, all_of_it: bool = False) -> None:
    """Take white space from the text after place *at*: the rest of its line, or *all_of_it*."""
    content = _content(body, at + 1)
    if content is None or (not all_of_it and content.right_stripped):
        return
    old = content.value
    content.value = old.lstrip() if all_of_it else _SPACE_AFTER.sub("", old, count=1)
    content.right_stripped = content.value != old


def _omit_left(body: list[Node], at: int, *, all_of_it: bool = False) -> None:
    """Take white space from the text before place *at*: what its line begins with, or *all_of_it*."""
    content = _content(body, at - 1)
    if content is None or (not all_of_it and content.left_stripped):
        return
    old = content.value
    content.value = old.rstrip() if all_of_it else _SPACE_BEFORE.sub("", old)
    content.left_stripped = content.value != old
