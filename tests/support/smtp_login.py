"""The test server's side of a login (RFC 4954): the client's answers are collected, then judged."""

from __future__ import annotations

import base64
import hmac

_CHALLENGE = b"<4711.0@tests>"


class Login:
    """One AUTH exchange."""

    def __init__(self, user: str, password: str, mechanism: str) -> None:
        digest = hmac.new(password.encode(), _CHALLENGE, "md5").hexdigest()
        wanted = {"PLAIN": [f"\0{user}\0{password}"], "LOGIN": [user, password], "CRAM-MD5": [f"{user} {digest}"]}
        self._wanted = wanted[mechanism]
        self._answers: list[str] = []
        self._prompts = {"LOGIN": [b"Username:", b"Password:"], "CRAM-MD5": [_CHALLENGE]}.get(mechanism, [b""])

    def prompt(self) -> bytes | None:
        """The reply that asks for the next answer; None where all have come."""
        if len(self._answers) == len(self._wanted):
            return None
        return b"334 " + base64.b64encode(self._prompts[len(self._answers)]) + b"\r\n"

    def answer(self, line: str) -> None:
        """Take one answer, in base64."""
        self._answers.append(base64.b64decode(line).decode())

    @property
    def good(self) -> bool:
        """Whether user and password were right."""
        return self._answers == self._wanted
