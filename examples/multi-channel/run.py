"""The multi-channel service: four queues, four channels, providers that are away, retries by hand, counts, cleaning."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from examples.line import Line, differing
from examples.peer import Peer
from examples.stage import Stage
from examples.system import Clarion, now, until
from tests.support.server import free_port
from tests.support.smtp_server import SmtpServer

QUEUES = ("email-notifications", "sms-notifications", "push-notifications", "in-app-notifications")
SECRET = "whsec_Zm9yIHRoaXMgZXhhbXBsZSBvbmx5LCAzMiBieXRlcy4="
#: Between the three attempts; those of webhooks are up to a fifth shorter or longer.
WAITS_S = (5, 10)
_MAIL = {"subject": "Your invoice", "body": "It is attached to your account."}


async def run(stage: Stage, small: bool) -> Line:
    """All channels, then each promise of the old service; both sides must say the same."""
    count = 25 if small else 500
    await stage.redis()
    gateway = await stage.node("multi-channel/peers/gateway.js", 0, env={"GATEWAY_SECRET": SECRET})
    address = f"http://127.0.0.1:{await gateway.tells('port')}"
    hooks = {name: {"url": f"{address}/{name}", "secrets": [SECRET]} for name in ("sms", "push")}
    mail_port = free_port()
    settings = {"CLARION_SMTP_URL": f"smtp://127.0.0.1:{mail_port}", "CLARION_WEBHOOKS": json.dumps(hooks)}
    async with stage.clarion("multi-channel", settings) as clarion:
        service = Service(stage, clarion, gateway, mail_port)
        async with SmtpServer(port=mail_port) as mail:
            began = now()
            await service.all_channels(count, mail)
            took = now() - began
        first = await service.queued_before_the_answer()
        second = await service.mail_server_away(first)
        async with SmtpServer(port=mail_port) as mail:
            await service.retried_by_hand(first, mail)
        await service.gateway_away()
        await service.cleaned(second)
        service.differences += await clarion.broken()
    return Line(
        put_in=f"{count:,} jobs in each of {len(QUEUES)} queues of BullMQ",
        came_out=f"{count:,} mails, SMS, push messages and feed items; 3 attempts while a provider was away",
        took_s=took,
        differences=service.differences,
    )


class Service:
    """What the multi-channel service promised, one method each."""

    def __init__(self, stage: Stage, clarion: Clarion, gateway: Peer, mail_port: int) -> None:
        self.differences: list[str] = []
        self._stage = stage
        self._clarion = clarion
        self._gateway = gateway
        self._mail_port = mail_port

    async def all_channels(self, count: int, mail: SmtpServer) -> None:
        """Jobs in all four queues come out at four receivers, once each."""
        producer = await self._stage.node("multi-channel/peers/producer.js", 1, count)
        told = await producer.ended(timeout=180)
        completed = {name: counts["completed"] for name, counts in told[-1]["counts"].items()}
        await until(lambda: self._stands("publish", done=2 * count), "SMS and push are with the gateway")
        sent = await self._sent()
        feed = await self._clarion.get("/v1/recipients/user-1/feed")
        in_app = [one async for one in self._clarion.items("/v1/messages?channel=in_app&status=delivered")]
        self.differences += [
            *differing(dict.fromkeys(QUEUES, count), completed_in_Bull=completed),
            *differing(count, mails=len(mail.accepted), addresses=len(set(mail.recipients()))),
            *differing(count, SMS=len({one["to"] for one in sent["sms"]}), SMS_in_all=len(sent["sms"])),
            *differing(count, push=len({one["token"] for one in sent["push"]}), push_in_all=len(sent["push"])),
            *differing(count, feed_items=len({one["recipient"] for one in in_app})),
            *differing(1, items_in_one_feed=len(feed["items"])),
            *differing(0, webhooks_with_a_wrong_signature=sent["forged"]),
        ]
        for queue, done in (("email", count), ("in_app", count), ("publish", 2 * count)):
            shown = await self._clarion.get(f"/v1/queues/{queue}")
            counted = {name: shown[name] for name in ("ready", "scheduled", "running", "buried", "done")}
            wanted = {"ready": 0, "scheduled": 0, "running": 0, "buried": 0, "done": done}
            self.differences += differing(wanted, **{f"counts_of_{queue}": counted})

    async def queued_before_the_answer(self) -> str:
        """The call is answered, and all is killed at once: the message is there, `queued`; its id."""
        await self._clarion.post("/v1/queues/email/pause", {})
        accepted = await self._notify("Ada")
        await self._clarion.kill()
        await self._clarion.start()
        return str(await until(lambda: self._message(accepted["id"], "queued"), "it is queued after the crash"))

    async def mail_server_away(self, first: str) -> str:
        """Nobody listens where the mail server was: three attempts, 5 and 10 s apart, then `failed`; another such."""
        accepted = await self._notify("Grace")
        second = str(await until(lambda: self._message(accepted["id"], "queued"), "it is queued"))
        await self._clarion.post("/v1/queues/email/resume", {})
        await self._step(f"/v1/jobs/{first.replace('msg_', 'job_')}", partial(self._tried, first))
        for id in (first, second):
            message = await until(partial(self._in_status, id, "failed"), "it has failed")
            self.differences += differing(len(WAITS_S) + 1, attempts_of_a_failed_one=message["attempts"])
        await until(lambda: self._stands("email", buried=2), "two failed, as counted by queue")
        return second

    async def retried_by_hand(self, id: str, mail: SmtpServer) -> None:
        """A failed one can be tried again, and is sent; a sent one is refused."""
        await self._clarion.post(f"/v1/messages/{id}/retry", {})
        await until(lambda: self._in_status(id, "sent"), "the one that was tried again is sent")
        status, problem = await self._clarion.call("POST", f"/v1/messages/{id}/retry", {})
        timeline = (await self._clarion.get(f"/v1/messages/{id}"))["timeline"]
        self.differences += [
            *differing((409, "not_retryable"), retry_of_a_sent_one=(status, problem.get("code"))),
            *differing(["ada@people.example"], mails_after_the_retry=mail.recipients()),
            *differing(1, notes_of_the_retry=sum(one["kind"] == "retried" for one in timeline)),
        ]

    async def gateway_away(self) -> None:
        """The same for SMS: three attempts, then buried; redriven by hand, it is handed over once."""
        await self._gateway.say(down=True)
        await self._gateway.tells("isDown")
        before = await self._sent()
        producer = await self._stage.node("multi-channel/peers/producer.js", 900_000, 1, "sms-notifications")
        await producer.ended()
        waiting = await until(lambda: self._jobs("publish", "scheduled"), "the SMS is tried again later")
        path = waiting[0]["href"]
        await self._step(path, lambda n: self._refused(before["refused"] + n), slack=0.25)
        buried = await until(lambda: self._jobs("publish", "buried"), "the SMS has failed")
        if "503" not in buried[0]["error"]:
            self.differences.append(f"the SMS failed for another reason: {buried[0]['error']}")
        await self._gateway.say(down=False)
        await self._gateway.tells("isDown")
        again = await self._clarion.post("/v1/queues/publish/redrive", {"ids": [buried[0]["id"]]})
        await until(lambda: self._stands("publish", buried=0, ready=0, running=0), "the SMS is with the gateway")
        sent = await self._sent()
        refused = await self._clarion.post("/v1/queues/publish/redrive", {"ids": [buried[0]["id"]]})
        self.differences += [
            *differing(len(WAITS_S) + 1, tries_of_the_SMS=sent["refused"] - before["refused"]),
            *differing(1, SMS_after_the_redrive=len(sent["sms"]) - len(before["sms"]), redriven=again["ready"]),
            *differing(0, redriven_though_it_was_sent=refused["ready"]),
        ]

    async def cleaned(self, failed: str) -> None:
        """Jobs that failed or completed go on demand, one queue or all; the message stays, with its reason."""
        clean = await self._clarion.post("/v1/queues/email/clean", {"state": "failed", "older_than_s": 0})
        by_age = await self._clarion.post("/v1/retention/run", {"what": ["completed_jobs"], "older_than_s": 0})
        message = await self._clarion.get(f"/v1/messages/{failed}")
        self.differences += [
            *differing(1, failed_jobs_cleaned=clean["deleted"]),
            *differing(True, completed_jobs_went=by_age["removed"]["completed_jobs"]["rows"] > 0),
            *differing([], completed_jobs_left=await self._jobs("publish", "done")),
            *differing("failed", message_of_a_cleaned_job=message["status"]),
        ]

    async def _step(self, job: str, tried: Callable[[int], Awaitable[Any]], slack: float = 0.0) -> None:
        """Move the clock from attempt to attempt of *job*, and look how far apart they are."""
        for number, wait in enumerate(WAITS_S, start=1):
            at = await until(partial(tried, number), f"attempt {number}")
            due = datetime.fromisoformat((await self._clarion.get(job))["run_at"])
            if abs((due - at).total_seconds() - wait) > 1 + slack * wait:
                self.differences.append(f"attempt {number + 1} is {(due - at).total_seconds():.2f} s later, not {wait}")
            await self._clarion.pass_time(due - datetime.now(UTC))

    async def _notify(self, name: str) -> dict[str, Any]:
        """One mail, by HTTP."""
        person = {"id": name.lower(), "name": name, "email": f"{name.lower()}@people.example"}
        body = {"recipients": [person], "payload": _MAIL, "metadata": {"by": "http"}}
        answer: dict[str, Any] = await self._clarion.post("/v1/workflows/email-notification/trigger", body)
        return answer

    async def _message(self, trigger: str, status: str) -> str | None:
        found = (await self._clarion.get(f"/v1/messages?trigger={trigger}&status={status}"))["items"]
        return str(found[0]["id"]) if found else None

    async def _in_status(self, id: str, status: str) -> dict[str, Any] | None:
        message: dict[str, Any] = await self._clarion.get(f"/v1/messages/{id}")
        return message if message["status"] == status else None

    async def _tried(self, id: str, number: int) -> datetime | None:
        """When attempt *number* of a message ended, and its job waits for the next."""
        timeline = (await self._clarion.get(f"/v1/messages/{id}"))["timeline"]
        ends = [one["ended_at"] for one in timeline if one["kind"] == "attempt" and one["number"] == number]
        return datetime.fromisoformat(ends[0]) if ends and ends[0] else None

    async def _refused(self, count: int) -> datetime | None:
        """About when the gateway refused for the *count*th time, once the job waits again."""
        if (await self._sent())["refused"] < count or not await self._jobs("publish", "scheduled"):
            return None
        return datetime.now(UTC)

    async def _jobs(self, queue: str, state: str) -> Sequence[dict[str, Any]]:
        found: Sequence[dict[str, Any]] = (await self._clarion.get(f"/v1/queues/{queue}/jobs?state={state}"))["items"]
        return found

    async def _stands(self, queue: str, **wanted: int) -> bool:
        shown = await self._clarion.get(f"/v1/queues/{queue}")
        return all(shown[name] == count for name, count in wanted.items())

    async def _sent(self) -> dict[str, Any]:
        """What the gateway handed to its provider."""
        await self._gateway.say(sent=True)
        sent: dict[str, Any] = await self._gateway.tells("sent")
        return sent
