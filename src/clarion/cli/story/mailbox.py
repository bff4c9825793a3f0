"""The mail catcher's side of the story, asked over its HTTP."""

from __future__ import annotations

import http.client
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from clarion.errors import Unavailable


class Mailbox:
    """What the catcher at *address* has caught."""

    def __init__(self, address: str) -> None:
        self.address = address

    def counts(self) -> dict[str, int]:
        """``received``, ``distinct_message_ids``, ``distinct_recipients`` and ``kept``."""
        counts: dict[str, int] = self._get("/api/counts")
        return counts

    def newest_to(self, recipient: str) -> dict[str, Any] | None:
        """The newest mail whose recipient contains *recipient*, taken apart; None when there is none."""
        listed = self._get("/api/mails?" + urlencode({"to": recipient, "limit": 1}))["mails"]
        if not listed:
            return None
        mail: dict[str, Any] = self._get(f"/api/mails/{listed[0]['id']}")
        return mail

    def caught(self, what: str) -> list[dict[str, Any]]:
        """What else was caught, ``texts`` for example: the newest first, all of it where that is not much."""
        found: list[dict[str, Any]] = self._get(f"/api/{what}?limit=1000")[what]
        return found

    def taken(self, what: str) -> int:
        """How many of these were caught and are kept."""
        count: int = self._get(f"/api/{what}?limit=1")["taken"]
        return count

    def tokens(self) -> dict[str, str]:
        """A token of each kind of provider, with which a device is caught."""
        tokens: dict[str, str] = self._get("/api/pushes?limit=1")["tokens"]
        return tokens

    def prune(self, older_than: timedelta, *, dry_run: bool = False) -> int:
        """Delete the mails that are older, or only count them; how many."""
        asked = {"older_than_s": int(older_than.total_seconds()), "dry_run": str(dry_run).lower()}
        deleted: int = self._ask("DELETE", "/api/mails?" + urlencode(asked))["deleted"]
        return deleted

    def _get(self, target: str) -> Any:
        return self._ask("GET", target)

    def _ask(self, method: str, target: str) -> Any:
        parts = urlsplit(self.address)
        assert parts.hostname is not None
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        try:
            connection.request(method, target)
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"The mail catcher at {self.address} does not answer: {error}.") from None
        finally:
            connection.close()
        if response.status != 200:
            raise Unavailable(f"The mail catcher answered {response.status} to {target}.")
        return json.loads(content)
