"""A form with a file in it, as the octets that are posted (multipart/form-data, RFC 7578)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence


def form_data(fields: Sequence[tuple[str, str]], file: tuple[str, str, bytes]) -> tuple[str, bytes]:
    """The ``Content-Type`` and the body of a form with *fields* and one *file*: its field, its media type, its octets.

    Names and values come from us: no quotes and no line breaks in a name, nothing that needs to be escaped.
    """
    name, kind, data = file
    boundary = _boundary(data)
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
        for field, value in fields
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    return f"multipart/form-data; boundary={boundary}", b"".join(
        (*parts, head.encode(), data, f"\r\n--{boundary}--\r\n".encode())
    )


def _boundary(data: bytes) -> str:
    """What does not stand in *data*, and cannot be guessed by whoever wrote it."""
    while True:
        boundary = f"form-{secrets.token_hex(16)}"
        if boundary.encode() not in data:
            return boundary
