"""Files that go with mails: what may be named, under which names they arrive, and how much of them one mail carries."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from clarion.errors import Invalid

#: Files of one mail.
MOST_FILES: Final = 20
LONGEST_NAME: Final = 150
#: Octets of the files of one mail, unless the settings say otherwise.
LARGEST: Final = 20 * 1024 * 1024
#: What mailboxes refuse and who gets it must not open (Gmail's list, and Outlook's where it adds to it).
FORBIDDEN: Final = (
    *(
        "ade",
        "adp",
        "apk",
        "appx",
        "bat",
        "cab",
        "chm",
        "cmd",
        "com",
        "cpl",
        "dll",
        "dmg",
        "exe",
        "gadget",
        "hlp",
        "hta",
    ),
    *("inf", "ins", "iso", "jar", "js", "jse", "lib", "lnk", "mde", "msc", "msi", "msix", "msp", "mst", "nsh", "pif"),
    *("ps1", "ps2", "reg", "scr", "sct", "shb", "sys", "vb", "vbe", "vbs", "vhd", "vxd", "wsc", "wsf", "wsh", "xll"),
)
#: Octets of any kind, to whom nothing better is known.
BINARY: Final = "application/octet-stream"

_ID = re.compile(r"att_[0-9a-f]{64}")
_INLINE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
LONGEST_TYPE = 128
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}")


class Reference(NamedTuple):
    """One file that is to go with mails, by what names it: exactly one of `id` and `url`."""

    #: What `id_of` says of a file that was uploaded.
    id: str | None = None
    #: Where it is fetched from when it is needed.
    url: str | None = None
    #: Under which it arrives; None is as it is called where it comes from.
    name: str | None = None
    #: By which the mail's HTML shows it, as ``cid:<inline>``; None is an attachment.
    inline: str | None = None
    #: Its media type; None is as it is said where it comes from.
    type: str | None = None

    def to_json(self) -> dict[str, str]:
        """What is said of it; `from_json` reads it back."""
        return {key: value for key, value in self._asdict().items() if value is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reference:
        """The reference that `to_json` wrote."""
        return cls(**{key: data.get(key) for key in cls._fields})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an installation allows."""

    #: Octets of all files of one mail together.
    largest: int = LARGEST
    #: Endings of names, without the dot and in lower case, of files that are not sent.
    forbidden: Collection[str] = FORBIDDEN
    #: Hosts that files are fetched from, in lower case; ``*.name`` are those below a name, ``*`` is any.
    hosts: Collection[str] = ()

    def allows_host(self, host: str) -> bool:
        """Whether files are fetched from *host*, in lower case."""
        return any(one == "*" or one == host or (one.startswith("*.") and host.endswith(one[1:])) for one in self.hosts)


def id_of(digest: bytes) -> str:
    """The id of a file whose SHA-256 is *digest*: the same for the same octets."""
    return f"att_{digest.hex()}"


def digest_of(id: str) -> bytes:
    """The digest that `id_of` was given. Raises `Invalid`."""
    if not _ID.fullmatch(id):
        raise Invalid(
            f"{id[:80]!r} is not an id of this kind: expected att_ and 64 hexadecimal digits", code="invalid_id"
        )
    return bytes.fromhex(id.removeprefix("att_"))


def clean_name(text: str, forbidden: Collection[str] = FORBIDDEN) -> str:
    """The name under which a file called *text* arrives: what is before its last slash or backslash is left out.

    Raises `Invalid` (``invalid_name``) where nothing is left or characters are in it that cannot be seen or turn the
    order of others around, and ``forbidden_type`` for an ending that is forbidden.
    """
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            detail = f"the name has the character U+{ord(character):04X}, which cannot be seen"
            raise Invalid(detail, code="invalid_name")
    name = " ".join(unicodedata.normalize("NFC", re.split(r"[/\\]", text)[-1]).split()).strip(" .")
    if not name:
        raise Invalid("the name has nothing that a file could be called", code="invalid_name")
    if len(name) > LONGEST_NAME:
        raise Invalid(f"the name is longer than {LONGEST_NAME} characters", code="invalid_name")
    ending = name.rpartition(".")[2].lower()
    if "." in name and ending in forbidden:
        raise Invalid(f"files that end in .{ending} are not sent: mailboxes refuse them", code="forbidden_type")
    return name


def check_inline(text: str) -> str:
    """*text*, if HTML may call a picture by it, as ``cid:<text>``. Raises `Invalid`."""
    if not _INLINE.fullmatch(text):
        raise Invalid("`inline` is up to 64 letters, digits, `.`, `-` and `_`, for example logo", code="invalid_inline")
    return text


def check_type(text: str) -> str:
    """*text*, if it is a media type, with parameters or without. Raises `Invalid`."""
    if len(text) > LONGEST_TYPE or not text.isprintable() or not _TYPE.fullmatch(_bare(text)):
        raise Invalid("`type` is a media type, for example application/pdf", code="invalid_mime")
    return text


def clean_type(given: str | None, name: str) -> str:
    """The media type of a file called *name* that is said to be *given*, without parameters.

    A message or a multipart within a mail would have to be sent as it is, not in base64: it goes as octets.
    """
    said = _bare(given or "")
    if not _TYPE.fullmatch(said) or said == BINARY:
        said = mimetypes.guess_type(name)[0] or BINARY
    return BINARY if said.startswith(("message/", "multipart/")) else said


def _bare(type: str) -> str:
    return type.partition(";")[0].strip().lower()
