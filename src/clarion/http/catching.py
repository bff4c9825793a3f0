"""Requests that would leave this machine, caught instead: where a developer looks at what others would be told."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from urllib.parse import quote

from clarion.http.url_guard import Destination, Network, UrlGuard, parse_url

#: Of a URL, what the catcher is told: it is shown, and nothing else is done with it.
_LONGEST = 600
_HERE: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class Catching:
    """Which requests a catcher gets, and where it is."""

    def __init__(self, catcher: str, own: Sequence[Network]) -> None:
        """*catcher* is a URL on this machine; *own* are the networks into which requests go as ever."""
        self._catcher = catcher
        self._own = UrlGuard(own)
        #: Lets through what `caught` gives, and nothing else.
        self.guard = UrlGuard(_HERE)

    def caught(self, to: Destination) -> Destination | None:
        """Where the catcher takes what is for *to*; None for what stays in networks of one's own anyway.

        Told without a look-up: a name that is asked for over HTTPS may be anywhere, and over plain HTTP nobody but
        one's own networks is ever reached (see `UrlGuard`).
        """
        if self._own.is_own(to):
            return None
        return parse_url(f"{self._catcher}?url={quote(str(to)[:_LONGEST], safe='')}")
