"""Files that a trigger on the command line brings: ``--attach`` and ``--inline``, uploaded, as the API takes them."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from clarion.errors import Invalid

if TYPE_CHECKING:
    from clarion.cli.remote import Remote


def attached(system: Remote, attach: Sequence[str], inline: Sequence[str]) -> list[dict[str, str]]:
    """What the trigger names: those of *attach* and, with the name by which HTML shows them, those of *inline*.

    Files are uploaded, each under its own name; URLs are left to the system. Raises `Invalid` before anything is
    uploaded where one cannot be read, and what `Remote` raises.
    """
    given = [("", place) for place in attach] + [_split(one) for one in inline]
    contents = [None if place.startswith(("https://", "http://")) else _read(place) for _, place in given]
    named = []
    for (name, place), content in zip(given, contents, strict=True):
        one = {"url": place} if content is None else _upload(system, Path(place).name, content)
        named.append(one | ({"inline": name} if name else {}))
    return named


def _split(text: str) -> tuple[str, str]:
    name, equals, place = text.partition("=")
    if not equals or not name or not place:
        raise Invalid(f'--inline {text}: write it as NAME=FILE; the HTML shows it by <img src="cid:NAME">.')
    return name, place


def _read(place: str) -> bytes:
    try:
        return Path(place).read_bytes()
    except OSError as error:
        raise Invalid(f"{place} cannot be read: {error.strerror}.") from None


def _upload(system: Remote, name: str, content: bytes) -> dict[str, str]:
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return {"id": system.upload(content, name=name, type=kind)["id"], "name": name}
