"""Keeps files small: at most 250 lines each; larger ones are listed by name and may only shrink.

Run by `make check`. `python tools/file_sizes.py --write` lowers the list to what the files are now.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIST = ROOT / "tools" / "file_sizes.json"
MOST = 250
#: Tests read top to bottom and may be longer.
MOST_IN_TESTS = 400
FOLDERS = ("src", "tests", "bench", "tools", "examples")
ENDINGS = (".py", ".sql", ".js", ".css")


def sizes() -> dict[str, int]:
    """The lines of every file that is above its limit."""
    found = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix not in ENDINGS or "node_modules" in path.parts or ".work" in path.parts:
                continue
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > (MOST_IN_TESTS if folder == "tests" else MOST):
                found[path.relative_to(ROOT).as_posix()] = lines
    return found


def main() -> int:
    """Compare with the list; 0 when nothing grew."""
    allowed: dict[str, int] = json.loads(LIST.read_text()) if LIST.exists() else {}
    now = sizes()
    if "--write" in sys.argv:
        LIST.write_text(json.dumps({name: min(n, allowed.get(name, n)) for name, n in now.items()}, indent=2) + "\n")
        return 0
    grown = {name: n for name, n in now.items() if n > allowed.get(name, 0)}
    for name, n in grown.items():
        limit = allowed.get(name)
        why = f"it may have {limit}" if limit else f"split it, or list it in {LIST.relative_to(ROOT)} with a reason"
        print(f"{name}: {n} lines; {why}", file=sys.stderr)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
