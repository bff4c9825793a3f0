"""The tutorial, done: every command of its pages is run in order, and shows what the page says that it shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.guide.page import Start, Type, Write, seen, steps
from tests.guide.reader import Reader
from tests.support.docs import DOCS, page

PAGES = sorted(path.relative_to(DOCS).as_posix() for path in (DOCS / "tutorial").glob("*.md"))


@pytest.mark.parametrize("name", PAGES)
async def test_a_reader_sees_what_the_page_shows(name: str, tmp_path: Path) -> None:
    todo = list(steps(page(name)))
    assert len(todo) > 10
    await Reader(tmp_path).follow(todo)


async def test_a_page_that_shows_something_else_fails(tmp_path: Path) -> None:
    text = "```sh\necho one two\n# one … three\n```\n"
    with pytest.raises(AssertionError, match="shows\none two"):
        await Reader(tmp_path).follow(list(steps(text)))


async def test_a_command_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="ended with 3"):
        await Reader(tmp_path).follow(list(steps("```sh\n(exit 3)\n```\n")))


def test_what_the_blocks_of_a_page_mean() -> None:
    text = """
It goes into `some/file.txt`:

```
words
```

```yaml
# other.yaml
a: 1
```

```console
make demo
```

```sh
clarion up
```

```sh
one \\
  --more   # not shown
# shown … here
two 'over
lines'
```
"""
    assert list(steps(text)) == [
        Write("some/file.txt", "words\n"),
        Write("other.yaml", "# other.yaml\na: 1\n"),
        Start("clarion up"),
        Type("one \\\n  --more   # not shown", ("shown … here",)),
        Type("two 'over\nlines'", ()),
    ]


def test_a_line_is_seen_whole() -> None:
    assert seen("trg_…: done", "first\n  trg_12: done  \n")
    assert seen("a  … b", "a    x  b")
    assert not seen("trg_…: done", "trg_12: done, or not")
    assert not seen("trg_…: done", "trg_12\n: done")
