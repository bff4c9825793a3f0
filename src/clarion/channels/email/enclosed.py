"""The files that go with a mail, as parts of it: encoded once, and the same octets in all mails that carry them."""

from __future__ import annotations

import secrets
from binascii import b2a_base64
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from clarion.channels.email.body import in_lines

#: Characters of a parameter's value that is split into several (RFC 2231 §3).
_PIECE = 60
#: Octets that are encoded at once: whole lines.
_AT_ONCE = 57 * 8_192


class File:
    """One file."""

    __slots__ = ("_base64", "content", "inline", "name", "type")

    def __init__(self, *, name: str, type: str, content: bytes, inline: str | None = None) -> None:
        """*name* and *type* are as `clarion.domain.attachment` has cleaned them; HTML calls it ``cid:<inline>``."""
        self.name = name
        self.type = type
        self.content = content
        self.inline = inline
        self._base64: str | None = None

    @property
    def base64(self) -> str:
        """The content as APIs take it: base64 in one line. Made when it is first asked for, and kept."""
        if self._base64 is None:
            self._base64 = b2a_base64(self.content, newline=False).decode("ascii")
        return self._base64


class Enclosed:
    """Files that go together with the words of a mail.

    ``mixed(related(words, pictures…), attachments…)``, of which each of the two is there only if it has something in
    it (RFC 2046 §5.1.3, RFC 2387).
    """

    __slots__ = ("_attachments", "_pictures", "files", "tail")

    def __init__(self, files: Sequence[File]) -> None:
        token = secrets.token_hex(16)  # it stands in nobody's words
        self.files = tuple(files)
        #: The boundary of the parts that are shown in the HTML, and of those that are not; "" where there are none.
        self._pictures = f"=_p{token}" if any(file.inline for file in files) else ""
        self._attachments = f"=_a{token}" if any(not file.inline for file in files) else ""
        #: What follows the words, to the end of the mail.
        self.tail = b"".join(self._after())

    def opening(self, whole: str, root: str) -> bytes:
        """The fields and lines before the words, which are of the type *root*; all of it is encoded as *whole*."""
        lines: list[str] = []
        if boundary := self._attachments:
            lines += [f'Content-Type: multipart/mixed; boundary="{boundary}"']
            lines += [f"Content-Transfer-Encoding: {whole}", "", f"--{boundary}"]
        if boundary := self._pictures:
            lines += [f'Content-Type: multipart/related; type="{root}";', f' boundary="{boundary}"']
            lines += [f"Content-Transfer-Encoding: {whole}", "", f"--{boundary}"]
        return "".join(f"{line}\r\n" for line in lines).encode()

    def _after(self) -> Iterator[bytes]:
        for boundary, files in (
            (self._pictures, [file for file in self.files if file.inline]),
            (self._attachments, [file for file in self.files if not file.inline]),
        ):
            if not boundary:
                continue
            for file in files:
                yield f"\r\n--{boundary}\r\n{_fields(file)}\r\n".encode()
                yield from _in_base64(file.content)
            yield f"\r\n--{boundary}--\r\n".encode()


def _in_base64(content: bytes) -> Iterator[bytes]:
    """*content* in lines, piece by piece: what it is made of on the way is four times as large as itself."""
    view = memoryview(content)
    for start in range(0, len(content), _AT_ONCE):
        if start:
            yield b"\r\n"
        yield in_lines(b2a_base64(view[start : start + _AT_ONCE], newline=False))


def _fields(file: File) -> str:
    lines = [f"Content-Type: {file.type}", "Content-Transfer-Encoding: base64"]
    kind = "inline" if file.inline else "attachment"
    lines.append(";\r\n ".join([f"Content-Disposition: {kind}", *_parameters("filename", file.name)]))
    if file.inline:
        lines.append(f"Content-ID: <{file.inline}>")
    return "".join(f"{line}\r\n" for line in lines)


def _parameters(name: str, value: str) -> list[str]:
    """A parameter with *value*, which may have any characters that can be seen (RFC 2231)."""
    if value.isascii() and len(value) <= _PIECE:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return [f'{name}="{escaped}"']
    pieces = [""]
    for character in value:  # none is split: programs decode each piece by itself
        written = quote(character, safe="")
        if len(pieces[-1]) + len(written) > _PIECE:
            pieces.append("")
        pieces[-1] += written
    pieces[0] = f"utf-8''{pieces[0]}"
    if len(pieces) == 1:
        return [f"{name}*={pieces[0]}"]
    return [f"{name}*{number}*={piece}" for number, piece in enumerate(pieces)]
