"""The address to which a mail comes back: one for each message, so that whatever comes back names it (VERP).

``bounces@mail.example`` becomes ``bounces+<token>@mail.example``. The token is the message's id and a code that only
who has the installation's secret could make, so nobody can say of a message that it came back who never saw it come.
"""

from __future__ import annotations

import base64
import hmac
import re
from hashlib import blake2s
from typing import Final
from uuid import UUID

from clarion.domain.address import LOCAL_LIMIT, parse_email
from clarion.errors import Invalid

#: 25 octets are 40 letters of base32, without a bit to spare; servers on the way may change their case.
_CODE: Final = 9
_TOKEN: Final = 40
#: What is left of a local part (RFC 5321 §4.5.3.1.1) beside a token and the plus sign.
LONGEST_LOCAL: Final = LOCAL_LIMIT - _TOKEN - 1
#: So many tokens of a mail are looked at; one that was made here comes among the first.
_TRIES: Final = 20


def parse_bounce_address(text: str) -> str:
    """*text* as the address under which mails come back. Raises `Invalid`."""
    address = parse_email(text)
    if not address.isascii():
        raise Invalid("its local part must be ASCII: any server must be able to send something there")
    if len(address.partition("@")[0]) > LONGEST_LOCAL:
        raise Invalid(f"more than {LONGEST_LOCAL} characters before the @ leave no room for the rest of the address")
    return address


class ReturnPaths:
    """Makes such addresses under *secret*, and knows again those that were made under it or under *old* ones."""

    def __init__(self, address: str, secret: bytes, *old: bytes) -> None:
        """*address* as `parse_bounce_address` gives it."""
        local, _, self.domain = address.partition("@")
        self._before, self._behind = f"{local}+", f"@{self.domain}"
        self._key, *others = (hmac.digest(one, b"return path", "sha256") for one in (secret, *old))
        self._keys = (self._key, *others)
        self._pattern = re.compile(
            rb"(?i)(?<![A-Za-z0-9.!#$%%&'*+/=?^_`{|}~-])%s([a-z2-7]{%d})%s(?![A-Za-z0-9-])"
            % (re.escape(self._before.encode()), _TOKEN, re.escape(self._behind.encode()))
        )

    def of(self, message_id: UUID) -> str:
        """Where the mail of a message is to come back to."""
        said = message_id.bytes
        code = blake2s(said, digest_size=_CODE, key=self._key).digest()
        return self._before + base64.b32encode(said + code).decode().lower() + self._behind

    def read(self, address: bytes) -> UUID | None:
        """The message whose mail came back to *address*; None when that is no address that was made here."""
        found = self._pattern.fullmatch(address)
        return self._message(found[1]) if found else None

    def find(self, text: bytes) -> UUID | None:
        """The message that the first such address within *text* names."""
        for _, found in zip(range(_TRIES), self._pattern.finditer(text), strict=False):
            if (message_id := self._message(found[1])) is not None:
                return message_id
        return None

    def _message(self, token: bytes) -> UUID | None:
        octets = base64.b32decode(token.upper())
        said, code = octets[:-_CODE], octets[-_CODE:]
        for key in self._keys:
            if hmac.compare_digest(code, blake2s(said, digest_size=_CODE, key=key).digest()):
                return UUID(bytes=said)
        return None
