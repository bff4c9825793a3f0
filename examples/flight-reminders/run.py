"""Bookings come by RabbitMQ at 100 a second, confirmations leave at 20 a second, reminders 3 hours before departure.

RabbitMQ is killed meanwhile, and a day passes in the end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from examples.line import Line, differing
from examples.pace import most_within, uneven
from examples.peer import Peer
from examples.stage import Stage
from examples.system import Clarion, now, until
from tests.support.clock import pass_time
from tests.support.server import Missing

from clarion.app import open_database
from clarion.config import load_settings
from clarion.store.database import open_pool

BOOKED_PER_S, CONFIRMED_PER_S, PEAK = 100, 20, 25
#: Bookings whose reminder is due in 5 seconds, and as many whose reminder is due at once.
SOON = 10
BEFORE_DEPARTURE = timedelta(hours=3)
SOON_S, AT_ONCE_S = BEFORE_DEPARTURE.total_seconds() + 5, 3600
#: A reminder is never early, and at most so late.
LATE = timedelta(seconds=2)
DAY, CHECKS_A_DAY = timedelta(days=1), 720

Mails = Mapping[str, Sequence[datetime]]


async def run(stage: Stage, small: bool) -> Line:
    """Run it; `small` takes 5 seconds of bookings, and 30 otherwise."""
    seconds = 5 if small else 30
    rabbitmq = await stage.rabbitmq()
    async with stage.clarion("flight-reminders") as clarion:
        service = await stage.node("flight-reminders/peers/booking-service.js")
        await service.tells("up")
        began = now()
        await service.say(book=SOON, departs_in=SOON_S)
        await service.say(book=SOON, departs_in=AT_ONCE_S)
        await service.say(book=seconds * BOOKED_PER_S, per_second=BOOKED_PER_S)
        await service.say(scribble="this is no booking")
        # While most of it is still to be confirmed, and some to be booked.
        while await service.tells("taken") < 0.8 * seconds * BOOKED_PER_S:
            pass
        try:
            await rabbitmq.kill()
            await rabbitmq.start()
            broken = ", RabbitMQ killed"
        except Missing as not_ours:
            stage.tell(f"flight-reminders: {not_ours}")
            broken = ""
        count = seconds * BOOKED_PER_S + 2 * SOON
        await clarion.until_caught(count + 2 * SOON, timeout=60 + 2 * count / CONFIRMED_PER_S)
        took_s = now() - began
        books = await _until_heard(service, count + 2 * SOON)
        differences = await _differences(clarion, books, count)
        differences += await _pass_a_day(clarion, service)
        differences += await clarion.broken()
        peak = most_within(sorted(at.timestamp() for ats in (await _mails(clarion))[0].values() for at in ats), 1.0)
        return Line(
            put_in=f"{count:,} bookings at {BOOKED_PER_S}/s{broken}",
            came_out=f"{count:,} confirmations at {CONFIRMED_PER_S}/s (at most {peak} in one), {2 * SOON} reminders,"
            f" {count + 2 * SOON:,} results back, {CHECKS_A_DAY + 1} runs of schedules in a day",
            took_s=took_s,
            differences=differences,
        )


async def _books(service: Peer) -> dict[str, Any]:
    await service.say(books=True)
    books: dict[str, Any] = await service.tells("books")
    return books


async def _until_heard(service: Peer, results: int) -> dict[str, Any]:
    """Its books, once it has heard of so many mails."""

    async def heard() -> dict[str, Any] | None:
        books = await _books(service)
        return books if sum(len(one["mails"]) for one in books["bookings"]) >= results else None

    books: dict[str, Any] = await until(heard, f"the booking service hears of {results} mails", timeout=180)
    return books


async def _differences(clarion: Clarion, books: Mapping[str, Any], count: int) -> list[str]:
    """Where the books of the booking service, those of Clarion and the mails that arrived do not agree."""
    bookings = {one["id"]: one for one in books["bookings"]}
    confirmed, reminded = await _mails(clarion)
    due = {id: at for id, at in _due(bookings).items() if at is not None}
    messages = await _all(clarion, "/v1/messages?status=sent")
    heard = [(mail["message"], mail["mail"], id) for id, one in bookings.items() for mail in one["mails"]]
    kept = [(one["id"], one["workflow"], one["recipient"].removeprefix("passenger-")) for one in messages]
    buried = {queue["name"]: queue["buried"] for queue in (await clarion.get("/v1/queues"))["items"]}
    return [
        *differing(count, bookings=len(bookings), bookings_that_are_confirmed=len(confirmed)),
        *_apart("confirmations that arrived", Counter(dict.fromkeys(bookings, 1)), _counts(confirmed)),
        *_apart("reminders that arrived", Counter(dict.fromkeys(due, 1)), _counts(reminded)),
        *_apart("results that were heard", Counter(kept), Counter(heard)),
        *differing([], results_of_unknown_bookings=books["unknown"]),
        *differing({}, buried_jobs={name: number for name, number in buried.items() if number}),
        *differing(count - len(due), runs_that_wait=len(await _all(clarion, "/v1/runs?status=running"))),
        *differing(1, messages_in_quarantine=len(await _all(clarion, "/v1/quarantine?state=waiting"))),
        *uneven(
            (at.timestamp() for ats in confirmed.values() for at in ats),
            (_at(one["created_at"]) for one in messages if one["workflow"] == "booking-confirmed"),
            per_second=CONFIRMED_PER_S,
            peak=PEAK,
        ),
        *(
            f"the reminder of {id} was due at {at:%H:%M:%S.%f} and came at {reminded[id][0]:%H:%M:%S.%f}"
            for id, at in due.items()
            if id in reminded and not at <= reminded[id][0] + timedelta(milliseconds=1) <= at + LATE
        ),
    ]


def _due(bookings: Mapping[str, Any]) -> dict[str, datetime | None]:
    """When the reminder of each is due; None: not today."""
    due: dict[str, datetime | None] = {}
    for id, one in bookings.items():
        taken = datetime.fromtimestamp(one["taken_at"] / 1000, UTC)
        at = max(datetime.fromisoformat(one["departs_at"]) - BEFORE_DEPARTURE, taken)
        due[id] = at if at < taken + DAY else None
    return due


async def _mails(clarion: Clarion) -> tuple[Mails, Mails]:
    """When the mails of each booking arrived: the confirmations, the reminders."""
    confirmed: defaultdict[str, list[datetime]] = defaultdict(list)
    reminded: defaultdict[str, list[datetime]] = defaultdict(list)
    async for mail in clarion.mails():
        kind = confirmed if mail["subject"].endswith("is confirmed") else reminded
        kind[mail["to"][0].partition("@")[0].replace("b-", "B-", 1)].append(datetime.fromisoformat(mail["received_at"]))
    return confirmed, reminded


def _at(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()


def _counts(mails: Mails) -> Counter[Any]:
    return Counter({id: len(ats) for id, ats in mails.items()})


def _apart(what: str, expected: Counter[Any], found: Counter[Any]) -> list[str]:
    """In words, and by examples, what is missing in *found* and what is there too much."""
    lacks, extra = expected - found, found - expected
    return [
        f"{what}: {which.total()} {how}, as for {', '.join(map(str, list(which)[:3]))}"
        for which, how in ((lacks, "missing"), (extra, "too many"))
        if which
    ]


async def _all(clarion: Clarion, path: str) -> list[Any]:
    """What a list of the API holds."""
    return [one async for one in clarion.items(path)]


async def _pass_a_day(clarion: Clarion, service: Peer) -> list[str]:
    """Bring all that waits in the database 24 hours nearer, and see that the schedules did a day's work, once each."""
    settings = load_settings({"project": clarion.project, "data_dir": clarion.data})
    async with open_database(settings) as url:
        pool = await open_pool(url, size=1, statement_timeout_s=30, application_name="the clock")
        try:
            await pass_time(pool, DAY)
        finally:
            await pool.close()

    async def did() -> dict[str, Any] | None:
        books = await _books(service)
        checks = [datetime.fromisoformat(one["at"]) for one in books["checks"]]
        # Those that came by the real clock before are times of this day too: to the booking service they are the same.
        day = {min(checks) + timedelta(minutes=2) * number for number in range(CHECKS_A_DAY)} if checks else set()
        return books if day and day <= {*checks} and books["days"] else None

    books = await until(did, "the schedules have done a day's work", timeout=120)
    once = {one["at"] for one in books["checks"]}, {one["day"] for one in books["days"]}
    return [
        *differing(len(once[0]), looks_over_the_books=len(books["checks"])),
        *differing(len(once[1]), closings_of_the_day=len(books["days"])),
    ]
