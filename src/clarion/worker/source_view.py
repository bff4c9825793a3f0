"""How a source looks from this worker: what `GET /v1/sources` and `clarion sources` show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from clarion import clock
from clarion.flows.ingest import Answer, Outcome
from clarion.flows.reading import Origin
from clarion.store.sources import Sign

#: So much of what is the trouble is kept.
_TEXT = 500


class SourceView:
    """Told by whoever runs the source; asked for a sign every few seconds."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.state = "connecting"
        self.trouble: str | None = None
        self.in_hand = 0
        self._since = clock.now()
        self._counts: Counter[Outcome] = Counter()
        self._last: datetime | None = None

    def now(self, state: str, trouble: str | None = None) -> None:
        """It is in this *state* from now on."""
        if state != self.state:
            self._since = clock.now()
        self.state = state
        self.trouble = trouble[:_TEXT] if trouble else None

    def took(self, answers: Iterable[Answer]) -> None:
        """Deliveries were taken in."""
        self._counts.update(answer.outcome for answer in answers)
        self._last = clock.now()

    def sign(self) -> Sign:
        """How it looks, and what came since the last `told`."""
        counts = self._counts
        return Sign(
            tenant_id=self.origin.tenant_id,
            source=self.origin.number,
            state=self.state,
            since=self._since,
            in_hand=self.in_hand,
            trouble=self.trouble,
            accepted=counts[Outcome.ACCEPTED],
            repeated=counts[Outcome.REPEATED],
            quarantined=counts[Outcome.QUARANTINED],
            last_message_at=self._last,
        )

    def told(self, sign: Sign) -> None:
        """*sign* is on disk: what it counted is not counted again."""
        self._counts.subtract(
            {
                Outcome.ACCEPTED: sign.accepted,
                Outcome.REPEATED: sign.repeated,
                Outcome.QUARANTINED: sign.quarantined,
            }
        )
