"""Writes the description of the HTTP API into docs/reference/openapi.json: run by `make openapi`."""

from __future__ import annotations

import json
from pathlib import Path

from clarion.api.app import OPERATIONS
from clarion.api.openapi import describe

FILE = Path(__file__).parent.parent / "docs" / "reference" / "openapi.json"


def text() -> str:
    """The document as the file has it: everything in the order of its name, so that differences are small."""
    return json.dumps(describe(OPERATIONS), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
