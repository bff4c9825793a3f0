"""SQL lives in `.sql` files beside the module that runs it, each statement under its name; comments may stand first.

-- name: claim
-- Comments say why.
UPDATE …
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def load(module: str) -> Mapping[str, str]:
    """The named statements of the `.sql` file beside the Python file *module* (pass ``__file__``)."""
    path = Path(module).with_suffix(".sql")
    head, *rest = _NAME.split(path.read_text())
    assert all(line.startswith("--") for line in head.split("\n") if line), f"{path.name}: a statement has no name"
    return dict(zip(rest[::2], (text.strip() for text in rest[1::2]), strict=True))
