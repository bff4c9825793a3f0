"""The hotel's mailer: Node puts jobs into a queue of BullMQ, mails leave, and a crash half-way changes nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from examples.line import Line, differing
from examples.stage import Stage
from examples.system import Clarion, now, until


async def run(stage: Stage, small: bool) -> Line:
    """Put jobs in, kill Clarion half-way, start it again; then hold all books against each other."""
    jobs, per_second = (200, 100) if small else (1000, 250)
    await stage.redis()
    async with stage.clarion("hotel-mailer") as clarion:
        began = now()
        producer = await stage.node("hotel-mailer/peers/producer.js", jobs, per_second)
        await clarion.until_caught(jobs // 3)
        await clarion.kill()
        killed_after = (await clarion.caught())["received"]
        await clarion.start()
        other = await producer.tells("other")
        await producer.ended()
        await clarion.until_caught(jobs)

        async def all_ended() -> bool:
            counts: dict[str, int] = (await _books(stage))["counts"]
            return counts["completed"] + counts["failed"] >= jobs + 1

        await until(all_ended, "every job is completed or failed")
        took = now() - began
        books = await _books(stage)
        caught = await clarion.caught()
        differences = [
            *differing(jobs, completed_in_Bull=books["counts"]["completed"], **_mails(caught)),
            *differing(1, failed_in_Bull=books["counts"]["failed"], workers_in_Bull=len(books["workers"])),
            *differing(2, connections_to_Redis=len(books["connections"])),
            *_other(books["failed"], other),
            *await _unlabelled(clarion),
            *await clarion.broken(),
        ]
    return Line(
        put_in=f"{jobs:,} jobs from Node (and one of another name)",
        came_out=f"{caught['distinct_message_ids']:,} mails, killed after {killed_after:,} of them",
        took_s=took,
        differences=differences,
    )


async def _books(stage: Stage) -> dict[str, Any]:
    """What BullMQ says."""
    (books,) = await (await stage.node("hotel-mailer/peers/books.js")).ended()
    return books


def _mails(caught: dict[str, int]) -> dict[str, int]:
    return {"different_mails": caught["distinct_message_ids"], "different_addresses": caught["distinct_recipients"]}


def _other(failed: list[dict[str, str]], id: str) -> list[str]:
    """The job of another name must be what failed, with a reason that names it."""
    return [
        f"job {one['id']} ({one['name']}) failed in Bull: {one['failedReason']}"
        for one in failed
        if one["id"] != id or "sms-producer" not in one["failedReason"]
    ]


async def _unlabelled(clarion: Clarion) -> list[str]:
    """Mails that came twice, though Clarion does not say that they may have."""
    times = Counter([(mail["message_id"], mail["to"][0]) async for mail in clarion.mails()])
    labelled = {one["address"] async for one in clarion.items("/v1/messages") if one["possible_duplicate"]}
    return [
        f"{to} came {count} times without a label"
        for (_, to), count in times.items()
        if count > 1 and to not in labelled
    ]
