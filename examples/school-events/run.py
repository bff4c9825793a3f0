"""The school's events: one call, everybody hears of it once, and one mailbox that never works holds up nobody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from examples.line import Line, differing
from examples.peer import Peer
from examples.stage import Stage
from examples.system import Clarion, until
from tests.support.smtp_faults import Fault
from tests.support.smtp_server import SmtpServer

EVERYBODY = ("students", "teachers", "parents")
#: What the hand-built system was set to, and what must hold here.
WAITS_S = (5, 25, 125)
AT_ONCE, PER_SECOND = 5, 10
ANSWER_MS = 100
_MANY = 1_000_000


async def run(stage: Stage, small: bool) -> Line:
    """An event by HTTP, one by BullMQ, and the limits of the queue; both sides must say the same of each."""
    people = 300 if small else 10_000
    await stage.redis()
    refuses = Fault(at="rcpt", do="reply", code=451, text="4.2.1 mailbox is disabled", to="", times=_MANY)
    async with SmtpServer(faults=[refuses]) as mail:
        settings = {"CLARION_SMTP_URL": f"smtp://127.0.0.1:{mail.port}"}
        async with stage.clarion("school-events", settings) as clarion:
            school = School(stage, clarion, mail)
            await school.move_in(people)
            refuses.to = school.broken
            first, took = await school.by_http("E-1", people)
            await school.tries_on(first)
            refused, refuses.times = _MANY - (refuses.times or 0), 0  # the mailbox works again
            await school.mends(first)
            await school.by_queue("E-2", people)
            await school.holds_to_five()
            await school.holds_to_ten_a_second()
            await school.holds_to_ten_mails_a_second()
            school.differences += [
                *differing(len(WAITS_S) + 1, tries_that_the_mail_server_refused=refused),
                *await clarion.broken(),
            ]
    return Line(
        put_in=f"2 events for {people:,} people, by HTTP and by BullMQ",
        came_out=f"{2 * people:,} feed items, {2 * school.with_address:,} mails, one of them by hand after 4 tries;"
        f" answered in {school.answered_ms:.0f} ms, all but that one",
        took_s=took,
        differences=school.differences,
    )


class School:
    """What the school's application does, and what must come of it."""

    def __init__(self, stage: Stage, clarion: Clarion, mail: SmtpServer) -> None:
        self.differences: list[str] = []
        self.answered_ms = 0.0
        self._stage = stage
        self._clarion = clarion
        self._mail = mail

    async def move_in(self, people: int) -> None:
        """Everybody into Clarion, with their topics."""
        directory = await self._peer("directory.js", people)
        (told,) = await directory.ended()
        self.broken, self.in_two = str(told["broken"]), str(told["inTwo"])
        self.with_address = int(told["withAddress"])

    async def by_http(self, event: str, people: int) -> tuple[dict[str, Any], float]:
        """The trigger of *event*, all of whose messages but that to the broken address have ended; after how long."""
        peer = await self._peer("by-http.js", event, *EVERYBODY)
        answered = await peer.tells("answered")
        self.answered_ms = answered["ms"]
        if answered["status"] != 202 or answered["ms"] >= ANSWER_MS:
            self.differences.append(f"answered {answered['status']} after {answered['ms']:.0f} ms")
        path = f"/v1/triggers/{answered['id']}"

        async def one_is_left() -> dict[str, Any] | None:
            trigger: dict[str, Any] = await self._clarion.get(path)
            ended = trigger["messages"].get("queued", 0) == 1 and not trigger["messages"].get("sending")
            return trigger if trigger["expanded_at"] and ended else None

        trigger = await until(one_is_left, "all but one have heard of it")
        took = datetime.now(UTC).timestamp() - answered["at"] / 1000
        self.differences += [
            *differing("running", status_while_one_address_is_tried=trigger["status"]),
            *self._counted(trigger, people, sent=self.with_address - 1),
            *differing(self.with_address - 1, mails=len(self._mail.accepted)),
            *differing({1}, times_that_an_address_got_it=set(Counter(self._mail.recipients()).values())),
            *await self._reasons(answered["id"]),
        ]
        self._following = peer
        return trigger, took

    async def tries_on(self, trigger: dict[str, Any]) -> None:
        """Step the clock from try to try: 5, 25 and 125 s, then it has failed."""
        clarion = self._clarion
        (message,) = (await clarion.get(f"/v1/messages?trigger={trigger['id']}&status=queued"))["items"]
        path, job = f"/v1/messages/{message['id']}", f"/v1/jobs/{message['id'].replace('msg_', 'job_')}"
        for number, wait in enumerate(WAITS_S, start=1):
            tried = await until(lambda n=number: self._tried(path, n), f"try {number}")
            due = _time((await clarion.get(job))["run_at"])
            if abs((due - tried).total_seconds() - wait) > 1:
                self.differences.append(f"try {number + 1} is {(due - tried).total_seconds():.2f} s later, not {wait}")
            await clarion.pass_time(due - datetime.now(UTC))
        ended = await until(lambda: self._in_status(path, "failed"), "its last try")
        self.differences += differing(len(WAITS_S) + 1, tries=ended["attempts"])
        if "451" not in ended["reason"]:
            self.differences.append(f"it failed for another reason: {ended['reason']}")
        shown = await clarion.get(job)
        self.differences += differing("buried", its_job=shown["state"])
        await until(lambda: self._completed(trigger["id"]), "the event is done")
        self.differences += _live(await self._following.ended())

    async def mends(self, trigger: dict[str, Any]) -> None:
        """The mailbox works again: one command, and the mail that failed leaves."""
        ended = await self._clarion.run("retry", "--trigger", trigger["id"])
        self.differences += differing(0, exit_status_of_retry=ended.code)
        path = f"/v1/messages?trigger={trigger['id']}&status=failed"

        async def none_failed() -> bool:
            return self.broken in self._mail.recipients() and not (await self._clarion.get(path))["items"]

        await until(none_failed, "the mail that failed was sent")

    async def by_queue(self, event: str, people: int) -> None:
        """A job of BullMQ is active until everybody has heard, with its progress moving."""
        before = len(self._mail.accepted)
        peer = await self._peer("by-queue.js", event, 1, 0, *EVERYBODY)
        told = await peer.ended(timeout=180)
        (job,) = _last(told, "ended")
        percents = [line["progress"]["percent"] for line in told if "progress" in line]
        (trigger,) = (await self._clarion.get(f"/v1/triggers?transaction_id={event}"))["items"]
        self.differences += [
            *differing("completed", job_in_Bull=job["state"], trigger=trigger["status"]),
            *self._counted(trigger, people, sent=self.with_address),
            *differing(self.with_address, mails_of_the_job=len(self._mail.accepted) - before),
            *differing(1, completed_in_Bull=_last(told, "counts")["completed"]),
        ]
        if percents != sorted(percents) or len(percents) < 2:
            self.differences.append(f"progress in Bull did not move: {percents}")

    async def holds_to_five(self) -> None:
        """Mails are held back: then five jobs are active, and the others wait."""
        await self._clarion.post("/v1/queues/email/pause", {})
        peer = await self._peer("by-queue.js", "E-3", 12, 0, "class-1a")
        await until(lambda: {"active": AT_ONCE} in peer.lines, f"{AT_ONCE} jobs are active")
        await until(self._has_held(2 * AT_ONCE), "their mails wait, as counted by state")
        await self._clarion.post("/v1/queues/email/resume", {})
        jobs = _last(await peer.ended(timeout=120), "ended")
        self.differences += [
            *differing({"completed"}, jobs_in_Bull={job["state"] for job in jobs}),
            *differing(AT_ONCE, most_jobs_at_once=_most_at_once(jobs)),
        ]

    async def holds_to_ten_a_second(self) -> None:
        """The queue's own limit in BullMQ counts for Clarion as for any worker."""
        peer = await self._peer("by-queue.js", "E-4", 25, PER_SECOND, "class-1a")
        jobs = _last(await peer.ended(timeout=120), "ended")
        begun = sorted(job["from"] for job in jobs)
        self.differences += differing({"completed"}, limited_jobs_in_Bull={job["state"] for job in jobs})
        for windows in (1, 2):
            passed = begun[windows * PER_SECOND] - begun[0]
            if passed < windows * 990:
                self.differences.append(f"{windows * PER_SECOND + 1} jobs began within {passed} ms")

    async def holds_to_ten_mails_a_second(self) -> None:
        """Clarion's own limit, set while all runs: once workers know it, after a second or so, mails leave evenly."""
        await self._clarion.call("PUT", "/v1/queues/email/rate", {"rate": f"{PER_SECOND}/s"})
        for number in range(4):
            before = len(self._mail.accepted)
            await (await self._peer("by-queue.js", f"E-5-{number}", 15, 0, "class-1a")).ended(timeout=120)
            at = [mail.at for mail in self._mail.accepted[before:]]
            most = max(sum(first <= one < first + 1 for one in at) for first in at)
            if even := len(at) == 30 and most <= PER_SECOND * 1.25 and max(at) - min(at) > 2:
                break
        await self._clarion.call("DELETE", "/v1/queues/email/rate")
        self.differences += [] if even else [f"{len(at)} limited mails, up to {most} within a second"]

    def _has_held(self, count: int) -> Any:
        async def so() -> bool:
            return bool((await self._clarion.get("/v1/queues/email"))["ready"] == count)

        return so

    async def _tried(self, path: str, number: int) -> datetime | None:
        """When try *number* of a message ended."""
        timeline = (await self._clarion.get(path))["timeline"]
        ends = [one["ended_at"] for one in timeline if one["kind"] == "attempt" and one["number"] == number]
        return _time(ends[0]) if ends and ends[0] else None

    async def _in_status(self, path: str, status: str) -> dict[str, Any] | None:
        message: dict[str, Any] = await self._clarion.get(path)
        return message if message["status"] == status else None

    async def _completed(self, id: str) -> bool:
        return bool((await self._clarion.get(f"/v1/triggers/{id}"))["status"] == "completed")

    def _counted(self, trigger: dict[str, Any], people: int, *, sent: int) -> list[str]:
        channels = trigger["by_channel"]
        return [
            *differing(
                people, in_feeds=channels["in_app"].get("delivered"), expanded=trigger["recipients"]["expanded"]
            ),
            *differing(sent, mails_sent=channels["email"].get("sent")),
            *differing(people - self.with_address, without_address=channels["email"].get("skipped")),
        ]

    async def _reasons(self, trigger: str) -> list[str]:
        """Why somebody got no mail; and who is in two topics must have it once in their feed."""
        page = await self._clarion.get(f"/v1/messages?trigger={trigger}&status=skipped&limit=100")
        feed = await self._clarion.get(f"/v1/recipients/{self.in_two}/feed")
        return [
            *differing({"no address for email"}, reasons={one["reason"] for one in page["items"]}),
            *differing(1, items_in_the_feed_of_somebody_in_two_topics=len(feed["items"])),
        ]

    async def _peer(self, script: str, *args: object) -> Peer:
        env = {"NOTIFY_URL": self._clarion.address, "NOTIFY_KEY": self._clarion.key}
        return await self._stage.node(f"school-events/peers/{script}", *args, env=env)


def _live(told: Sequence[dict[str, Any]]) -> list[str]:
    """Progress must have been told more than once, and never backwards."""
    shown = [line["progress"]["messages"] for line in told if "progress" in line]
    ended = [sum(count for status, count in one.items() if status not in ("queued", "sending")) for one in shown]
    return [] if len(ended) > 1 and ended == sorted(ended) else [f"progress was not live: {ended}"]


def _last(lines: Sequence[dict[str, Any]], key: str) -> Any:
    return [line[key] for line in lines if key in line][-1]


def _most_at_once(jobs: Sequence[dict[str, Any]]) -> int:
    """How many of them were active at the same time, by BullMQ's own times; one that ends makes room first."""
    moments = sorted([(job["to"], -1) for job in jobs] + [(job["from"], 1) for job in jobs])
    most = active = 0
    for _, change in moments:
        active += change
        most = max(most, active)
    return most


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
