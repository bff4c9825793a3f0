"""Every message held against the ledger of the server that it went to, both ways."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.support.house import House
from tests.support.tortured import EACH, Tortured

from clarion.flows.verify import verify

_MESSAGES = """
SELECT m.id, m.recipient_id, m.workflow_key, m.status, m.reason, m.possible_duplicate, m.provider_message_id,
       (SELECT array_agg(a.status ORDER BY a.number) FROM attempt a WHERE a.message_id = m.id) AS outcomes
FROM message m
"""


async def judge(house: House, server: Tortured) -> dict[str, int]:
    """How many came to what. Fails where one is lost, was sent twice without saying so, or is something else here and
    there; and where the promises do not hold."""
    rows = await house.api.pool.fetch(_MESSAGES)
    table = "\n".join(sorted(f"{dict(row)}" for row in rows))
    assert len(rows) == 2 * EACH
    # A room, a device or a webhook that is gone for good is gone for all: who comes later is not sent there.
    assert {row["status"] for row in rows} <= {"sent", "failed", "unknown", "skipped"}, table
    taken = Counter(server.taken())
    assert taken.keys() <= {server.mark(row) for row in rows}, taken
    sent = [row["provider_message_id"] for row in rows if row["status"] == "sent"]
    assert len(sent) > EACH * 3 // 4, table
    if server.names_messages:
        assert len(set(sent)) == len(sent), table
        names = server.names()
        assert names is None or set(sent) <= set(names), "what is sent was taken, under its id"
    for row in rows:
        _check(row, taken[server.mark(row)], believed=server.is_believed(row))
    async with house.api.pool.acquire() as connection:
        assert await verify(connection) == []
    counts = Counter(row["status"] for row in rows)
    twice = sum(count > 1 for count in taken.values())
    return {**counts, "labelled": sum(row["possible_duplicate"] for row in rows), "taken twice": twice}


def _check(row: Mapping[str, Any], taken: int, *, believed: bool) -> None:
    """What the database says of a message, and how often the server has taken it."""
    said = f"taken {taken} times: {dict(row)}"
    outcomes = list(row["outcomes"] or ())
    doubts, sent = outcomes.count("uncertain"), row["status"] == "sent"
    assert not sent or taken or believed, f"lost: {said}"
    assert taken <= sent + doubts, f"nobody knows that it was taken: {said}"
    assert taken <= 1 or row["possible_duplicate"], f"an unlabelled duplicate: {said}"
    doubtful = "uncertain" in outcomes[:-1]
    if row["workflow_key"] == "held":
        assert not doubtful, f"it was tried again although nobody could know: {said}"
        assert row["status"] != "unknown" or outcomes[-1:] == ["uncertain"], said
    else:
        assert row["possible_duplicate"] or not doubtful, f"it may have come twice, and does not say so: {said}"
