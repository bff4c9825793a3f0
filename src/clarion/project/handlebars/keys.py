"""Whether an ``each`` goes over a map: Handlebars sees it in the data, but Liquid must be told."""

from __future__ import annotations

from clarion.project.handlebars.tree import Block, Content, Node, Path, Program


def uses_key(block: Block) -> bool:
    """Whether the block of an ``each`` uses the keys of what it goes over: then that is a map."""
    named = block.call.block_params[1:2]
    return any("key" in name.lower() for name in named) or _names_key(block.program, 0)


def _names_key(program: Program, depth: int) -> bool:
    return any(_node_names_key(node, depth) for node in program.body)


def _node_names_key(node: Node, depth: int) -> bool:
    if isinstance(node, Content) or node.call is None:
        return False
    values = (node.call.head, *node.call.params)
    if any(isinstance(v, Path) and v.data and v.parts == ("key",) and v.up == depth for v in values):
        return True
    if not isinstance(node, Block):
        return False
    inner = depth + (isinstance(node.call.head, Path) and node.call.head.text == "each")
    return _names_key(node.program, inner) or (node.inverse is not None and _names_key(node.inverse, depth))
