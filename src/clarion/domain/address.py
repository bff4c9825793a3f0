"""Email addresses and the text that may stand in a mail's header: one place that says what is allowed.

Nothing here is repaired silently: what cannot be used is refused with a reason, because a mail that goes to another
address than the one written is worse than none.
"""

from __future__ import annotations

import re
import unicodedata

from clarion.errors import Invalid

#: RFC 5321 §4.5.3.1.1: octets before the @.
LOCAL_LIMIT = 64
#: RFC 5321 §4.5.3.1.3: a path is 256 octets with its angle brackets.
ADDRESS_LIMIT = 254

#: Ordinary addresses, decided at once: an unquoted ASCII local part (RFC 5321 Dot-string) and a host name of letters,
#: digits and single hyphens whose last label is letters. Anything else takes the long way, which may still accept it.
_ORDINARY = re.compile(
    r"(?=.{1,254}\Z)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@(?:[A-Za-z0-9](?:-?[A-Za-z0-9])*\.)+[A-Za-z]{2,63}"
)
_LABEL_TOO_LONG = re.compile(r"[A-Za-z0-9-]{64}")

#: All controls (C0, DEL, C1 with U+0085) but the tab, the line and paragraph separators, and lone surrogates, which no
#: encoding can carry.
_UNSAFE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_PLAIN = re.compile(r'[^"<>,;:@()\[\]\\]*')


def parse_email(text: str) -> str:
    """The bare address *text* as it is stored and sent.

    The local part is kept as written (in Unicode form NFC), the domain is lower-cased and, where it is not ASCII,
    turned into its IDNA 2008 form (``jörg@exämple.de`` → ``jörg@xn--exmple-cua.de``), so that every server can route
    it. Nothing is trimmed. Applying it twice changes nothing.

    Raises `Invalid` (code ``invalid_email``) for anything else than one address: control characters, names, lists,
    groups, quoted local parts, IP literals, a domain without a dot, more than 64 octets before the @ or 254 in all.
    Whether the domain exists is not looked up.
    """
    if _ORDINARY.fullmatch(text):
        local, _, domain = text.partition("@")
        if len(local) <= LOCAL_LIMIT and (len(domain) < 64 or not _LABEL_TOO_LONG.search(domain)):
            return text if domain.islower() else f"{local}@{domain.lower()}"
    return _parse_unusual(text)


def domain_of(address: str) -> str:
    """The domain of an address, as `parse_email` gave it."""
    return address.rpartition("@")[2]


def same_mailbox(address: str) -> str:
    """The key by which two spellings of one address, as `parse_email` gave them, are the same.

    Letter case is ignored: the standards let a server tell ``Ann@`` from ``ann@``, none in use does. Dots and ``+tags``
    are kept: they are one provider's custom, elsewhere they are other people. So is the difference between ``ß`` and
    ``ss``, which full case folding would lose.
    """
    return address.lower() if address.isascii() else unicodedata.normalize("NFC", address.lower())


def parse_sender(text: str) -> tuple[str | None, str]:
    """The name and the bare address of ``Name <address>``, ``"Name, Inc." <address>`` or an address alone.

    Raises `Invalid` (code ``invalid_email``) where the address is no good, or the name holds control characters or,
    unquoted, one of ``"<>,;:@()[]\\``.
    """
    if "<" not in text and '"' not in text:
        return None, parse_email(text)
    if unsafe := _UNSAFE.search(text):
        raise _invalid(f"it contains the control character U+{ord(unsafe[0]):04X}")
    name, bracket, rest = text.strip().rpartition("<")
    name = name.strip()
    quoted = _QUOTED.fullmatch(name)
    if not bracket or not rest.endswith(">") or not (quoted or _PLAIN.fullmatch(name)):
        raise _invalid(
            'write one sender as "Name <name@example.com>"; a name with commas or other punctuation goes in quotes'
        )
    if quoted:
        name = re.sub(r"\\(.)", r"\1", quoted[1])
    return name or None, parse_email(rest[:-1])


def check_header_text(value: str) -> str:
    """*value*, which may stand in a header: a subject, a name.

    Raises `Invalid` (code ``invalid_header``) where it holds a control character other than the tab, U+2028, U+2029
    or a lone surrogate: with one of these, text can pass for a further header in some reader on the way.
    """
    if value.isprintable():
        return value
    if unsafe := _UNSAFE.search(value):
        raise Invalid(
            f"This text would stand in a mail header and contains the control character U+{ord(unsafe[0]):04X}; "
            "remove it (line breaks are not allowed there)",
            code="invalid_header",
        )
    return value


def _parse_unusual(text: str) -> str:
    """The long way: everything that is not plainly an ordinary address."""
    if unsafe := _UNSAFE.search(text):
        raise _invalid(f"it contains the control character U+{ord(unsafe[0]):04X}")
    if len(text) > 4 * ADDRESS_LIMIT:
        raise _invalid(f"it is longer than {ADDRESS_LIMIT} octets")
    if text != text.strip():
        raise _invalid("there is white space around it")
    if "," in text or ";" in text or text.count("@") > 1:
        raise _invalid("give exactly one address, not a list or a group")
    if "[" in text:
        raise _invalid("an IP address in place of the domain is not supported")
    address = _validated(text)
    local, _, domain = address.partition("@")
    if len(local.encode()) > LOCAL_LIMIT:
        raise _invalid(f"the part before the @ is longer than {LOCAL_LIMIT} octets")
    if len(address.encode()) > ADDRESS_LIMIT:
        raise _invalid(f"it is longer than {ADDRESS_LIMIT} octets")
    if "." not in domain:
        raise _invalid(f"the domain {domain!r} has no dot; write it in full, e.g. {domain}.com")
    if domain.rpartition(".")[2].isdigit():
        raise _invalid("the domain must be a name, not an IP address")
    return address


def _validated(text: str) -> str:
    """*text* as email-validator normalises it, its domain in ASCII."""
    # Imported late: it loads the IDNA tables, and most programs never meet an unusual address.
    from email_validator import EmailNotValidError, validate_email

    try:
        # Not `globally_deliverable`: a self-hosted service also sends to .local, .internal and .test.
        found = validate_email(text, check_deliverability=False, globally_deliverable=False, strict=True)
    except EmailNotValidError as error:
        raise _invalid(str(error).rstrip(".")) from None
    return f"{found.local_part}@{found.ascii_domain.lower()}"


def _invalid(reason: str) -> Invalid:
    return Invalid(f"This is not a usable email address: {reason}", code="invalid_email")
