"""Where mails that came back are kept until they are read: the address of an IMAP server, and what is in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from clarion.channels.email.settings import is_host
from clarion.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One folder of one account on an IMAP server."""

    host: str
    port: int
    #: Encrypted from the start; else by STARTTLS, but for a server on this machine.
    implicit_tls: bool
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    #: Where a mail goes that was read; None: it stays, and is marked as read.
    done: str | None = None


def parse_imap_url(url: str, *, done: str | None = None) -> Mailbox:
    """``imaps://user:password@host:993/FOLDER`` or ``imap://…``. Raises `ConfigError` that never holds the password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ConfigError("this is not an address: expected imaps://user:password@host/INBOX") from None
    host, user = parts.hostname or "", unquote(parts.username or "")
    password = unquote(parts.password or "")
    if parts.scheme not in ("imap", "imaps") or not is_host(host) or not user or parts.query or parts.fragment:
        raise ConfigError("expected an address such as imaps://user:password@host/INBOX")
    folder = unquote(parts.path.removeprefix("/")) or "INBOX"
    if not all(text.isprintable() and text.isascii() for text in (user, password, folder, done or "")):
        raise ConfigError("user, password and folder must be printable ASCII")
    implicit = parts.scheme == "imaps"
    return Mailbox(
        host=host,
        port=port or (993 if implicit else 143),
        implicit_tls=implicit,
        user=user,
        password=password,
        folder=folder,
        done=done,
    )


def quoted(text: str) -> str:
    """*text*, printable and ASCII, as a quoted string of IMAP (RFC 3501 §4.3)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
