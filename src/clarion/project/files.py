"""Reading files of a project folder, and nothing outside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from clarion.errors import Invalid

#: Bytes in one file: templates are text that people write.
LARGEST = 512 * 1024
#: Files in a project: more than anybody writes, fewer than a wrong folder holds.
MOST_FILES = 20_000


def read_text(folder: Path, path: Path) -> str:
    """The text of *path*, a file inside *folder*, without a byte order mark and with ``\\n`` at the ends of lines.

    Raises `Invalid` when it is a link that leaves the folder, no ordinary file, too large, not readable, not UTF-8, or
    holds a NUL.
    """
    if not path.resolve().is_relative_to(folder.resolve()):
        raise Invalid("this is a link to a file outside the project folder, which is not followed")
    if not path.is_file():
        raise Invalid("this is not an ordinary file")
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise Invalid(f"it cannot be read: {error.strerror}") from None
    if len(data) > LARGEST:
        raise Invalid(f"it is larger than {LARGEST // 1024} KiB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Invalid(f"it is not UTF-8: byte 0x{data[error.start]:02x} on line {line}") from None
    if "\x00" in text:
        raise Invalid(f"it holds a NUL character on line {text.count(chr(10), 0, text.index(chr(0))) + 1}")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def list_files(folder: Path, below: str) -> Iterator[Path]:
    """All files and links under *folder*/*below*, sorted, hidden ones and editors' leftovers apart.

    Folders that are links are yielded as they are, never entered.

    Raises `Invalid` when there are more than `MOST_FILES`.
    """
    found = []
    for where, folders, files in os.walk(folder / below, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if (Path(where) / name).is_symlink()]
        found += [Path(where) / name for name in [*files, *links] if not _leftover(name)]
        if len(found) > MOST_FILES:
            raise Invalid(f"there are more than {MOST_FILES:,} files")
    yield from sorted(found)


def _leftover(name: str) -> bool:
    return name.startswith((".", "#")) or name.endswith(("~", ".swp", ".bak", ".orig"))
