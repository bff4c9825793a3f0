"""From a mail to its letter, or to why there is none: what every provider of mail asks for before it sends."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from clarion import clock
from clarion.channels.base import Email
from clarion.channels.email.mime import Builder, Letter
from clarion.domain.outcome import Outcome, Reject
from clarion.errors import Invalid

if TYPE_CHECKING:
    from clarion.channels.email.dkim import Signer


class Letters:
    """Builds letters: from senders that are allowed alone, and none that is larger than may be sent."""

    def __init__(
        self,
        *,
        from_domains: frozenset[str],
        max_size: int,
        message_id_domain: str | None = None,
        signer: Signer | None = None,
        rewritten: frozenset[bytes] = frozenset(),
        return_path: Callable[[UUID], str] | None = None,
        now: Callable[[], datetime] = clock.now,
    ) -> None:
        """*from_domains* are those that may stand in From, in lower case: ``*`` is any; none at all allows none.

        *max_size* is in octets; *message_id_domain* as `Builder` takes it. *signer* signs mails of domains that it has
        keys of, but for fields that the provider writes anew: *rewritten*, in lower case.
        *return_path* says where the mail of a message comes back to, in ASCII; None: to its sender.
        """
        self._from_domains = from_domains
        self._any_domain = "*" in from_domains
        self._max_size = max_size
        self._return_path = return_path
        self._now = now
        self._signer = signer
        self._rewritten = rewritten
        #: As many as there are processors: more would only wait for each other.
        self._hands = asyncio.Semaphore(os.cpu_count() or 1)
        self._builder = Builder(message_id_domain=message_id_domain)

    def compose(self, mail: Email, eight_bit: bool) -> Letter | Outcome:
        """The letter for *mail*, or why there is none. A mail that cannot be built must not take others with it.

        It must be `sealed` before it is handed over.
        """
        limit = self._max_size
        content = mail.content
        try:
            _, domain = self._builder.sender(mail.sender)
            if not (self._any_domain or domain in self._from_domains):
                allowed = ", ".join(sorted(self._from_domains)) or "none is configured"
                return Reject(f"no mail may be sent from {domain} (allowed: {allowed})", code="sender_not_allowed")
            size = len(content.text) + len(content.html or "") + (len(mail.enclosed.tail) if mail.enclosed else 0)
            if size <= limit:
                letter = self._build(mail, domain, eight_bit)
                size = letter.size
            if size > limit:
                return Reject(f"the message has {size} octets, {limit} are allowed", code="too_large")
        except Invalid as error:
            return Reject(error.message, code=error.code)
        except Exception as error:
            return Reject(f"the mail could not be built: {type(error).__name__}", code="not_buildable")
        return letter if self._return_path is None else letter._replace(sender=self._return_path(mail.message_id))

    async def sealed(self, letter: Letter) -> Letter:
        """*letter*, signed where it is to be.

        A signature by RSA takes longer than all else that is done for a mail, so it is made in a thread: OpenSSL lets
        the event loop go on meanwhile.
        """
        signer = self._signer
        if not letter.keys or signer is None:
            return letter
        at = int(self._now().timestamp())
        async with self._hands:
            data = await asyncio.to_thread(
                signer.sign, letter.data, letter.keys, at=at, more=letter.more, rewritten=self._rewritten
            )
        return letter._replace(data=data, keys=())

    def _build(self, mail: Email, domain: str, eight_bit: bool) -> Letter:
        signer = self._signer
        keys = signer.keys_for(domain) if signer is not None else ()
        # A server on the way that takes no eight-bit octets would write them anew, and what was signed would not be
        # what arrives: so none are signed (RFC 6376 §5.3).
        letter = self._builder.build(mail, self._now(), eight_bit=eight_bit and not keys)
        return letter._replace(keys=keys) if keys else letter
