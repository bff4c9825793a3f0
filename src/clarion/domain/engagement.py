"""Whether a mail was opened and its links followed: the tokens by which that is known, and who is no person.

What a token says is sealed (`clarion.domain.sealed`), the address that a link leads to included: so nobody can make a
link of ours lead elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from clarion.domain.sealed import Seals

#: The paths under which the API is asked for a picture, and for where a link leads, before the token.
OPENS_PATH: Final = "/o"
CLICKS_PATH: Final = "/c"
#: Longer addresses than some servers take in a request line are left as they are.
_LONGEST: Final = 2_000

#: Programs that fetch what is in mails for no one, by what they call themselves. Apple's privacy protection fetches all
#: pictures of all mails, and says ``Mozilla/5.0`` and nothing else.
_MACHINES = re.compile(
    r"(?i)^$|^mozilla/5\.0$|bot\b|crawl|spider|preview|scan|monitor|check|curl/|wget/|python|java/|okhttp|go-http|libwww|"
    r"axios|headless|phantomjs|barracuda|proofpoint|mimecast|forcepoint|safelinks|office 365 connectivity|trendmicro|"
    r"symantec|slackbot|facebookexternalhit|whatsapp|validator"
)
#: What browsers say when they load something that nobody has asked for yet.
_AHEAD: Final = ("sec-purpose", "purpose", "x-purpose", "x-moz")
_USER_AGENT_LIMIT: Final = 500


class Kind(StrEnum):
    """What somebody did with a mail."""

    OPENED = "opened"
    CLICKED = "clicked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What a token says."""

    tenant_id: UUID
    message_id: UUID
    #: Where a link leads; None of a picture.
    url: str | None = None

    @property
    def kind(self) -> Kind:
        return Kind.OPENED if self.url is None else Kind.CLICKED


class Traces:
    """Makes and reads such tokens under the *secret* of an installation; reads those under *old* ones as well."""

    def __init__(self, secret: bytes, *old: bytes) -> None:
        self._seals = Seals(b"engagement", secret, *old, longest=_LONGEST)

    def token(self, trace: Trace) -> str | None:
        """What stands for *trace* in a path; None where its address is too long."""
        url = b"" if trace.url is None else trace.url.encode("utf-8", "replace")
        return self._seals.token(trace.tenant_id.bytes + trace.message_id.bytes + url)

    def read(self, token: str) -> Trace | None:
        """What *token* says; None when it was not made here."""
        said = self._seals.read(token)
        if said is None or len(said) < 32:
            return None
        url = said[32:].decode() or None
        return Trace(tenant_id=UUID(bytes=said[:16]), message_id=UUID(bytes=said[16:32]), url=url)


def is_machine(headers: Mapping[str, str]) -> bool:
    """Whether whoever sent a request with these *headers* (names in lower case) shows to be no person.

    Proxies of mail services that fetch a picture when somebody looks at it (Gmail's, Yahoo's) do not count as machines.
    """
    if any("prefetch" in (said := headers.get(name, "").lower()) or "preview" in said for name in _AHEAD):
        return True
    return _MACHINES.search(headers.get("user-agent", "")[:_USER_AGENT_LIMIT].strip()) is not None
