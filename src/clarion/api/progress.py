"""How far a trigger is, from its row and its counts: what `GET /v1/triggers/{id}` shows and its events repeat."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from clarion import ids
from clarion.domain.status import OPEN, Status
from clarion.domain.workflow import Priority
from clarion.ids import Prefix


def show(
    row: Mapping[str, Any], counts: Mapping[str, Mapping[str, int]], now: datetime, *, waiting: int = 0
) -> dict[str, Any]:
    """The trigger of *row* as the API shows it; *counts* by channel and status, *waiting* its runs that wait."""
    messages = {status.value: sum(channel.get(status.value, 0) for channel in counts.values()) for status in Status}
    # While runs wait, time passes without anything coming to an end, nor is it known what they will come to.
    rate, eta = (None, None) if row["waits"] else _pace(row, messages, now)
    id = ids.show(Prefix.TRIGGER, row["id"])
    return {
        "id": id,
        "href": f"/v1/triggers/{id}",
        "workflow": row["workflow_key"],
        "workflow_version": row["workflow_version"],
        "status": row["status"],
        "priority": Priority(row["priority"]).label,
        "channels": row["channels"],
        "metadata": row["metadata"],
        "attachments": row["attachments"],
        "sandbox": row["sandbox"],
        "transaction_id": row["transaction_id"],
        "recipients": {"total": row["total"], "expanded": row["expanded"]},
        "runs": {"waiting": waiting},
        "messages": messages,
        "by_channel": counts,
        "rate_per_s": rate,
        "eta_s": eta,
        "send_at": row["send_at"],
        "expires_at": row["expires_at"],
        "created_at": row["created_at"],
        "expanded_at": row["expanded_at"],
        "completed_at": row["completed_at"],
        "cancelled_at": row["cancelled_at"],
    }


def has_ended(shown: Mapping[str, Any]) -> bool:
    """Whether nothing about it will change by itself any more."""
    if shown["status"] == "completed":
        return True
    if shown["status"] != "cancelled":  # of one that was only just accepted nothing else is known
        return False
    return not (shown["runs"]["waiting"] or any(shown["messages"][status.value] for status in OPEN))


def _pace(row: Mapping[str, Any], messages: Mapping[str, int], now: datetime) -> tuple[float | None, float | None]:
    """Ends per second since it began, and the seconds that what remains will take at that rate."""
    open = sum(messages[status.value] for status in OPEN)
    made = sum(messages.values())
    began = max(row["created_at"], row["send_at"] or row["created_at"])
    until = row["completed_at"] or row["cancelled_at"] or now
    elapsed = (until - began).total_seconds()
    if made == open or elapsed <= 0:
        return None, None
    rate = (made - open) / elapsed
    if row["status"] in ("completed", "cancelled"):
        return round(rate, 1), None
    unexpanded = max(0, (row["total"] or 0) - row["expanded"])
    # Each recipient still to come will have as many messages as those before had on average.
    remaining = open + unexpanded * made / max(1, row["expanded"])
    return round(rate, 1), round(remaining / rate, 1)
