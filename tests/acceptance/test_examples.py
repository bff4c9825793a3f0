"""The runnable examples, small: each on real components, and both sides' books agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from examples.runner import names, perform
from tests.support import memory


@pytest.fixture
def folder() -> Iterator[Path]:
    """Databases come into it: in memory where that can be. Its path is short."""
    with memory.folder("clarion-ex-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("name", names())
async def test_it_does_what_its_page_says(name: str, folder: Path) -> None:
    line = await perform(name, folder, small=True, tell=print)
    assert list(line.differences) == [], str(line)
