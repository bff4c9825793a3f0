"""The domain decides and does nothing else: no I/O, no clock, no randomness, no await (decision 3)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import clarion.domain

FOLDER = Path(clarion.domain.__file__).parent
FILES = sorted(FOLDER.glob("*.py"))

#: Modules through which a function could reach outside its arguments.
FORBIDDEN = {
    *("asyncio", "socket", "ssl", "subprocess", "threading", "multiprocessing", "os", "sys", "io", "pathlib", "shutil"),
    *("time", "random", "secrets", "tempfile", "urllib", "http", "aiohttp", "asyncpg", "structlog", "logging"),
}
#: Calls that ask the clock, the disk or the terminal.
CALLS = {"open", "print", "input", "now", "today", "utcnow", "new", "new_many", "monotonic", "getenv", "urandom"}


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_decision_depends_on_its_arguments_alone(path: Path) -> None:
    tree = ast.parse(path.read_text())
    for name in _imports(tree):
        assert name.split(".")[0] not in FORBIDDEN, f"{path.name} imports {name}"
        assert name not in ("clarion.clock", "clarion.ids", "clarion.logs"), f"{path.name} imports {name}"
    for node in ast.walk(tree):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith), path.name
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            assert called not in CALLS, f"{path.name}:{node.lineno} calls {called}"


def test_there_is_a_domain_to_check() -> None:
    assert {"status", "verdict", "plan", "workflow"} <= {path.stem for path in FILES}
