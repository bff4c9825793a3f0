"""Failures that providers tell of later, added to what was seen of their accounts: weights give way to both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from clarion.domain.balance import is_held_against
from clarion.domain.callback import Fate
from clarion.flows.callback import Found
from clarion.queue import balances
from clarion.store.database import Pool, is_away


async def count(pool: Pool, found: Sequence[Found]) -> None:
    """Count those of *found*, which is committed, that are held against their accounts. What cannot be, is not."""
    failed = Counter(
        one.told.integration
        for one in found
        if one.finding.fate is Fate.APPLIED and is_held_against(one.told.report.status, one.told.report.feedback)
    )
    if not failed:
        return
    try:
        async with pool.acquire() as connection:
            await balances.add_failed(connection, failed)
    except Exception as error:  # what they were told of is done: nobody is to tell it again for this
        if not is_away(error):
            raise
