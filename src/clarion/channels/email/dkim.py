"""DKIM (RFC 6376): mails are signed, so that whoever gets them can tell that they are from the domain in From, and
whole. Header and body are signed as ``relaxed`` has them, and the body to its end.

All fields that we write are signed, so also those for unsubscribing, as RFC 8058 §4 demands. Those by which a mail is
judged and shown are named once more than they are there (§5.4.2, §8.15): none can be added to a mail that is sent on.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clarion.channels.email.dkim_key import DkimKey

#: Fields of which nobody may add another.
SEALED = (
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"reply-to",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
)
#: Characters of a line that a field is folded into.
_LINE = 76
_FOLD = re.compile(rb"\r\n(?=[ \t])")
_BLANKS = re.compile(rb"[ \t]+")


class Signer:
    """Signs mails of the domains that it has keys of."""

    def __init__(self, keys: Mapping[str, Sequence[DkimKey]]) -> None:
        """*keys* are by domain, each of which signs, in this order."""
        self._keys = dict(keys)

    def keys_for(self, domain: str) -> Sequence[DkimKey]:
        """The keys for mails from *domain*: its own, or those of the nearest domain above that has some, which is
        aligned with it too unless its DMARC record is strict (RFC 7489 §3.1.1)."""
        while domain:
            if (found := self._keys.get(domain)) is not None:
                return found
            domain = domain.partition(".")[2]
        return ()

    def sign(
        self,
        data: bytes,
        keys: Sequence[DkimKey],
        *,
        at: int,
        more: bytes = b"",
        rewritten: frozenset[bytes] = frozenset(),
    ) -> bytes:
        """*data*, a mail as SMTP carries it, with a signature by each of *keys* before it.

        *more* follows *data* in the mail: base64 and its frames, which are as they are when they are relaxed. *at* is
        the time, in seconds since 1970. Fields that are *rewritten* on the way, named in lower case, are not signed.
        The mail must not be changed any more.
        """
        head, _, body = data.partition(b"\r\n\r\n")
        names, lines = _fields(head, rewritten)
        digest = sha256(_one_blank(body) if more else relaxed_body(body))
        digest.update(more)
        body_hash = b64encode(digest.digest()).decode("ascii")
        signatures = (_signature(key, names, lines, body_hash, at, rewritten) for key in keys)
        return b"".join((*chain.from_iterable(signatures), data))


def relaxed_body(body: bytes) -> bytes:
    """*body*, lines ended by CRLF, as §3.4.4 has it: blanks are one each, and none at the ends of lines; no empty lines
    at the end."""
    body = _one_blank(body)
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    if not end:
        return b""
    return body if end == len(body) - 2 else body[:end] + b"\r\n"


def _one_blank(body: bytes) -> bytes:
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    return body.replace(b" \r\n", b"\r\n") if b" \r\n" in body else body


def _fields(head: bytes, rewritten: frozenset[bytes]) -> tuple[tuple[bytes, ...], list[bytes]]:
    """The fields that are signed, by name and as §3.4.2 has them, the last first: so the order is right where one comes
    twice (§5.4.2)."""
    names, lines = [], []
    for field in reversed(_FOLD.sub(b"", head).split(b"\r\n")):
        name, _, value = field.partition(b":")
        name = name.rstrip().lower()
        if name not in rewritten:
            names.append(name)
            lines.append(b"%b:%b\r\n" % (name, _BLANKS.sub(b" ", value).strip(b" ")))
    return tuple(names), lines


def _signature(
    key: DkimKey,
    names: tuple[bytes, ...],
    lines: Sequence[bytes],
    body_hash: str,
    at: int,
    rewritten: frozenset[bytes],
) -> tuple[bytes, bytes, bytes]:
    value = (
        f"v=1; a={key.algorithm}; c=relaxed/relaxed;\r\n d={key.domain}; s={key.selector};\r\n"
        f" t={at}; {_signed(names, rewritten)};\r\n bh={body_hash};\r\n b="
    ).encode("ascii")
    own = b"dkim-signature:" + value.replace(b"\r\n", b"")
    signature = b64encode(key.sign(b"".join((*lines, own))))
    folded = b"\r\n ".join(signature[at : at + _LINE - 4] for at in range(0, len(signature), _LINE - 4))
    return b"DKIM-Signature: " + value, folded, b"\r\n"


@lru_cache(maxsize=256)
def _signed(names: tuple[bytes, ...], rewritten: frozenset[bytes]) -> str:
    """The tag ``h=``, folded: all *names*, and those that are sealed once more."""
    lines, line = [], "h="
    all_names = [name.decode("ascii") for name in (*names, *(name for name in SEALED if name not in rewritten))]
    for number, name in enumerate(all_names):
        text = name if number == len(all_names) - 1 else f"{name}:"
        if len(line) + len(text) > _LINE - 16:
            lines.append(line)
            line = ""
        line += text
    return "\r\n ".join([*lines, line])
