"""What stands between the braces of a tag, read."""

from __future__ import annotations

import re

from clarion.project.handlebars.tree import Call, HandlebarsError, Literal, Path, Sub, Value

_NAME = re.compile(r"""[^\s!"#%&'()*+,./;<=>@\[\\\]^`{|}~]+""")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?=[=~}\s/.)|]|$)")
_WORDS = {"true": True, "false": False, "null": None, "undefined": None}


def parse_call(text: str, at: int) -> Call:
    """The call that *text* is; *at* is where its tag begins. Raises `HandlebarsError`."""
    return _Reader(text, at).call()


class _Reader:
    def __init__(self, text: str, at: int) -> None:
        self._text = text
        self._start = at
        self._at = 0

    def call(self) -> Call:
        head = self._value()
        params: list[Value] = []
        hash: dict[str, Value] = {}
        block_params: tuple[str, ...] = ()
        while self._more():
            if re.match(r"as\s+\|", self._text[self._at :]):
                block_params = self._block_params()
                break
            if (name := self._hash_name()) is not None:
                hash[name] = self._value()
            elif hash:
                raise self._wrong("a value without a name stands behind one with a name")
            else:
                params.append(self._value())
        if self._more():
            raise self._wrong("nothing may follow here")
        return Call(head=head, params=tuple(params), hash=hash, block_params=block_params)

    def _more(self) -> bool:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1
        return self._at < len(self._text)

    def _hash_name(self) -> str | None:
        match = re.compile(rf"({_NAME.pattern}|\[[^\]]*\])=").match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return match[1].strip("[]")

    def _block_params(self) -> tuple[str, ...]:
        match = re.compile(r"as\s+\|([^|]*)\|").match(self._text, self._at)
        if match is None:
            raise self._wrong("the names between | and | do not end")
        self._at = match.end()
        return tuple(match[1].split())

    def _value(self) -> Value:
        if not self._more():
            raise self._wrong("a name is missing")
        first = self._text[self._at]
        if first in "\"'":
            return Literal(self._quoted(first))
        if first == "(":
            return self._sub()
        number = _NUMBER.match(self._text, self._at)
        if number is not None:
            self._at = number.end()
            return Literal(float(number[0]) if "." in number[0] else int(number[0]))
        word = _NAME.match(self._text, self._at)
        if word is not None and word[0] in _WORDS and not self._text.startswith((".", "/"), word.end()):
            self._at = word.end()
            return Literal(_WORDS[word[0]])
        return self._path()

    def _quoted(self, quote: str) -> str:
        end = self._at + 1
        while end < len(self._text) and self._text[end] != quote:
            end += 2 if self._text[end] == "\\" else 1
        text = self._text[self._at + 1 : end].replace(f"\\{quote}", quote)
        self._at = end + 1
        return text

    def _sub(self) -> Sub:
        start, depth = self._at, 0
        while self._at < len(self._text):
            here = self._text[self._at]
            if here in "\"'":
                self._quoted(here)
                continue
            depth += (here == "(") - (here == ")")
            self._at += 1
            if depth == 0:
                return Sub(self._text[start : self._at])
        raise self._wrong("a ) is missing")

    def _path(self) -> Path:
        start, up, scoped, parts = self._at, 0, False, list[str]()
        data = self._text.startswith("@", self._at)
        self._at += data
        while True:
            if self._text.startswith("..", self._at) and not parts:
                self._at, up, scoped = self._at + 2, up + 1, True
            elif self._text.startswith(".", self._at) and not parts:
                self._at, scoped = self._at + 1, True
            else:
                part, quoted = self._segment()
                if part == "this" and not quoted and not parts and not data:
                    scoped = True
                elif part in ("this", ".", "..") and not quoted:
                    raise self._wrong(f"`{part}` cannot stand in the middle of a path")
                else:
                    parts.append(part)
            if not self._text.startswith((".", "/"), self._at):
                break
            self._at += 1
        return Path(text=self._text[start : self._at], parts=tuple(parts), up=up, data=data, scoped=scoped)

    def _segment(self) -> tuple[str, bool]:
        """One name of a path, and whether it stood in brackets."""
        if self._text.startswith("[", self._at):
            end = self._text.find("]", self._at)
            part = self._text[self._at + 1 : end]
            self._at = end + 1
            return part, True
        match = _NAME.match(self._text, self._at)
        if match is None:
            raise self._wrong("this is not a name")
        self._at = match.end()
        return match[0], False

    def _wrong(self, why: str) -> HandlebarsError:
        return HandlebarsError(f"`{self._text[:60]}` cannot be read: {why}", self._start)
