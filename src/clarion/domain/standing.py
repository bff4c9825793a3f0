"""How a trigger stands: how far it has come, whether it has ended, and whether well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clarion.domain.status import OPEN

#: Ends of a message that are no decision of anybody's.
_FAILED = ("failed", "bounced", "expired", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One trigger, or several taken together."""

    #: Nothing more will happen by itself.
    ended: bool
    #: Messages so far, those that have ended, and those that ended badly.
    messages: int = 0
    done: int = 0
    failed: int = 0
    #: What of the people has been turned into messages: 0 to 1.
    expanded: float = 1.0
    #: Why one of the failed failed.
    reason: str | None = None

    @property
    def percent(self) -> int:
        """How far it has come, 0 to 100; 100 only at the end."""
        if self.ended:
            return 100
        return min(99, int(100 * self.expanded * self.done / self.messages)) if self.messages else 0

    @property
    def why(self) -> str:
        """What failed, in words."""
        return f"{self.failed} of {self.messages} messages failed" + (f": {self.reason}" if self.reason else "")


def standing(
    status: str, counts: Mapping[str, int], *, expanded: int, total: int | None, reason: str | None
) -> Standing:
    """How the trigger with this *status* stands; *counts* are its messages by status."""
    whole = sum(counts.values())
    return Standing(
        ended=status in ("completed", "cancelled"),
        messages=whole,
        done=whole - sum(counts.get(one.value, 0) for one in OPEN),
        failed=sum(counts.get(one, 0) for one in _FAILED),
        expanded=min(1.0, expanded / total) if total else 1.0,
        reason=reason,
    )


def together(standings: Sequence[Standing]) -> Standing:
    """Several as one. None at all have ended well: they are so old that they are gone."""
    return Standing(
        ended=all(one.ended for one in standings),
        messages=sum(one.messages for one in standings),
        done=sum(one.done for one in standings),
        failed=sum(one.failed for one in standings),
        expanded=min((one.expanded for one in standings), default=1.0),
        reason=next((one.reason for one in standings if one.reason), None),
    )
