"""The multi-channel service: four queues, four channels, providers that are away, retries by hand, counts, cleaning."""

from __future__ import annotations

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from examples.line import Line, differing
from examples.stage import Stage
from examples.system import Clarion, now, until
from tests.support.server import free_port
from tests.support.smtp_server import SmtpServer

from clarion.dev.fakes.faults import Fault, How
from clarion.dev.fakes.fcm import FcmFake
from clarion.dev.fakes.twilio import TwilioFake

QUEUES = ("email-notifications", "sms-notifications", "push-notifications", "in-app-notifications")
#: What opens the servers that stand for Twilio and Firebase; each is made for one run.
LOGIN = {"account_sid": f"AC{secrets.token_hex(16)}", "auth_token": secrets.token_hex(16)}
#: Between the three attempts.
WAITS_S = (5, 10)
_MAIL = {"subject": "Your invoice", "body": "It is attached to your account."}


async def run(stage: Stage, small: bool) -> Line:
    """All channels, then each promise of the old service; both sides must say the same."""
    count = 25 if small else 500
    await stage.redis()
    mail_port = free_port()
    async with TwilioFake(account_sid=LOGIN["account_sid"], auth_token=LOGIN["auth_token"]) as twilio, FcmFake() as fcm:
        accounts = {
            "texts": {"kind": "twilio", "from": "Northwind", "base_url": twilio.url, **LOGIN},
            "phones": {"kind": "fcm", "service_account": fcm.service_account, "base_url": fcm.url},
        }
        settings = {"CLARION_SMTP_URL": f"smtp://127.0.0.1:{mail_port}", "CLARION_PROVIDERS": json.dumps(accounts)}
        async with stage.clarion("multi-channel", settings) as clarion:
            service = Service(stage, clarion, twilio, fcm)
            await service.devices(count)
            async with SmtpServer(port=mail_port) as mail:
                began = now()
                await service.all_channels(count, mail)
                took = now() - began
            first = await service.queued_before_the_answer()
            second = await service.mail_server_away(first)
            async with SmtpServer(port=mail_port) as mail:
                await service.retried_by_hand(first, mail)
            await service.provider_away()
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

    def __init__(self, stage: Stage, clarion: Clarion, twilio: TwilioFake, fcm: FcmFake) -> None:
        self.differences: list[str] = []
        self._stage = stage
        self._clarion = clarion
        self._twilio = twilio
        self._fcm = fcm

    async def devices(self, count: int) -> None:
        """The tokens of the old table move over once: a device for each user."""
        for number in range(1, count + 1):
            user = f"/v1/recipients/user-{number}"
            await self._clarion.call("PUT", user, {})
            token = f"device-of-user:{number:040}"
            await self._clarion.call("PUT", f"{user}/devices/phone", {"token": token})

    async def all_channels(self, count: int, mail: SmtpServer) -> None:
        """Jobs in all four queues come out at four receivers, once each."""
        producer = await self._stage.node("multi-channel/peers/producer.js", 1, count)
        told = await producer.ended(timeout=180)
        completed = {name: counts["completed"] for name, counts in told[-1]["counts"].items()}
        for queue in ("sms", "push"):
            await until(partial(self._stands, queue, done=count), f"{queue} is with its provider")
        texts, pushed = self._twilio.taken, self._fcm.taken
        feed = await self._clarion.get("/v1/recipients/user-1/feed")
        in_app = [one async for one in self._clarion.items("/v1/messages?channel=in_app&status=delivered")]
        self.differences += [
            *differing(dict.fromkeys(QUEUES, count), completed_in_Bull=completed),
            *differing(count, mails=len(mail.accepted), addresses=len(set(mail.recipients()))),
            *differing(count, SMS=len({one.to for one in texts}), SMS_in_all=len(texts)),
            *differing(count, push=len({one.token for one in pushed}), push_in_all=len(pushed)),
            *differing(count, feed_items=len({one["recipient"] for one in in_app})),
            *differing(1, items_in_one_feed=len(feed["items"])),
        ]
        for queue, done in dict.fromkeys(("email", "sms", "push", "in_app"), count).items():
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

    async def provider_away(self) -> None:
        """The same for SMS, while Twilio answers 503: three attempts, then `failed`; tried again, it is sent once."""
        asked, had = self._twilio.asked, len(self._twilio.taken)
        self._twilio.faults.lasting = Fault(how=How.ANSWER, status=503)
        body = {"recipients": [{"id": "hedy", "phone": "+49301234567"}], "payload": {"message": "Spring is here."}}
        accepted = await self._clarion.post("/v1/workflows/sms-notification/trigger", body)
        id = str(await until(lambda: self._message(accepted["id"], "queued"), "it is queued"))
        await self._step(f"/v1/jobs/{id.replace('msg_', 'job_')}", partial(self._tried, id))
        failed = await until(partial(self._in_status, id, "failed"), "the SMS has failed")
        if "503" not in failed["reason"]:
            self.differences.append(f"the SMS failed for another reason: {failed['reason']}")
        self.differences += differing(len(WAITS_S) + 1, tries_of_the_SMS=self._twilio.asked - asked)
        self._twilio.faults.clear()
        await self._clarion.post(f"/v1/messages/{id}/retry", {})
        await until(lambda: self._in_status(id, "sent"), "the SMS is sent")
        status, problem = await self._clarion.call("POST", f"/v1/messages/{id}/retry", {})
        self.differences += [
            *differing(1, SMS_after_the_retry=len(self._twilio.taken) - had),
            *differing((409, "not_retryable"), retry_of_a_sent_SMS=(status, problem.get("code"))),
        ]

    async def cleaned(self, failed: str) -> None:
        """Jobs that failed go on demand; the message stays, with its reason."""
        clean = await self._clarion.post("/v1/queues/email/clean", {"state": "failed", "older_than_s": 0})
        message = await self._clarion.get(f"/v1/messages/{failed}")
        self.differences += [
            *differing(1, failed_jobs_cleaned=clean["deleted"]),
            *differing([], failed_jobs_left=await self._jobs("email", "buried")),
            *differing("failed", message_of_a_cleaned_job=message["status"]),
        ]

    async def _step(self, job: str, tried: Callable[[int], Awaitable[Any]]) -> None:
        """Move the clock from attempt to attempt of *job*, and look how far apart they are."""
        for number, wait in enumerate(WAITS_S, start=1):
            at = await until(partial(tried, number), f"attempt {number}")
            due = datetime.fromisoformat((await self._clarion.get(job))["run_at"])
            if abs((due - at).total_seconds() - wait) > 1:
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

    async def _jobs(self, queue: str, state: str) -> Sequence[dict[str, Any]]:
        found: Sequence[dict[str, Any]] = (await self._clarion.get(f"/v1/queues/{queue}/jobs?state={state}"))["items"]
        return found

    async def _stands(self, queue: str, **wanted: int) -> bool:
        shown = await self._clarion.get(f"/v1/queues/{queue}")
        return all(shown[name] == count for name, count in wanted.items())
