"""A small project folder for tests to spoil."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

#: A project without a mistake, by file.
GOOD: dict[str, str] = {
    "clarion.toml": '[email]\nfrom = "Hotel <stay@hotel.example>"\n',
    "workflows/hello.yaml": "steps:\n  - channel: email\n  - channel: in_app\n",
    "templates/hello/email.html": "---\nsubject: Hello\nlayout: base\n---\n<p>Hello {{ recipient.name }}</p>\n",
    "templates/hello/email.txt": "Hello {{ recipient.name }}\n",
    "templates/hello/in_app.txt": "---\ntitle: Hello\n---\nHello!\n",
    "layouts/base.html": "<body>{{ content }}</body>\n",
}


def build(folder: Path, files: Mapping[str, str | bytes | None]) -> Path:
    """The good project, with *files* in the place of its own; None leaves one out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**GOOD, **files}.items():
        if content is None:
            continue
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder
