"""What templates and conditions see of a trigger, besides payload and recipient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clarion import ids


def trigger_variables(row: Mapping[str, Any]) -> dict[str, object]:
    """The ``trigger`` of templates and expressions, from its row."""
    return {
        "id": ids.show(ids.Prefix.TRIGGER, row["id"]),
        "transaction_id": row["transaction_id"],
        "metadata": row["metadata"],
        "created_at": row["created_at"].isoformat(),
    }


def shared_variables(row: Mapping[str, Any]) -> dict[str, object]:
    """What a template sees that is the same for all recipients of a trigger."""
    return {
        "payload": row["payload"],
        "workflow": {"key": row["workflow_key"]},
        "trigger": trigger_variables(row),
    }
