"""What `clarion verify` finds it says once: a table on standard output, how many on standard error."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from tests.support.command import HOTEL, clarion

from clarion.flows.verify import SAYS

_SPOIL = """
    INSERT INTO tenant (id, name) VALUES ('018f0000-0000-7000-8000-000000000001', 'default');
    INSERT INTO topic (tenant_id, key, member_count)
    SELECT id, key, 3 FROM tenant CROSS JOIN unnest(ARRAY['guests', 'staff']) AS key
"""


@pytest.fixture
def settings(database: str, tmp_path: Path) -> dict[str, str]:
    """A good database, and logs for machines: not even those may say it again."""
    return {
        "CLARION_DATABASE_URL": database,
        "CLARION_PROJECT": str(HOTEL),
        "CLARION_DATA_DIR": str(tmp_path),
        "CLARION_LOG_FORMAT": "json",
    }


async def test_all_is_well(settings: dict[str, str]) -> None:
    for arguments in ((), ("--json",)):
        done = await clarion("verify", *arguments, settings=settings)
        assert (done.code, done.out, done.err) == (0, "", f"All {len(SAYS)} promises hold.\n")


async def test_what_is_broken_is_told_once(settings: dict[str, str]) -> None:
    connection = await asyncpg.connect(settings["CLARION_DATABASE_URL"])
    try:
        await connection.execute(_SPOIL)
    finally:
        await connection.close()
    summary = f"1 of {len(SAYS)} promises does not hold.\n"
    done = await clarion("verify", settings=settings)
    assert (done.code, done.err) == (1, summary)
    head, line = done.out.splitlines()
    assert head.split()[:2] == ["rule", "rows"]
    assert line.split()[:2] == ["topic_counts_equal_rows", "2"]
    assert line.endswith("the count of a topic equals its members  guests, staff")
    done = await clarion("verify", "--json", settings=settings)
    assert (done.code, done.err) == (1, summary)
    (violation,) = done.lines
    assert (violation["count"], violation["examples"]) == (2, ["guests", "staff"])
