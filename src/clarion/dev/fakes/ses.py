"""A local server that speaks the API of Amazon SES (version 2), and SNS's as far as events of mails need it.

It takes mails, sends none, and publishes what becomes of them, signed. Written from
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html and the model of the service in botocore 1.44
as of November 2026. Amazon's own library (boto3 1.44) passes against it in the tests. Unlike SES it takes whole mails
alone (``Content.Raw``), and does not limit the rate; unlike SNS it posts to loopback addresses, and once.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
POST   /_fake/events         ``{"id": "…", "type": "Bounce", "bounceType": "Transient", …}``: publishes an event
POST   /_fake/subscription   posts what is to be confirmed
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import aiohttp
from aiohttp import web

from clarion.dev.fakes import ses_rules as rules
from clarion.dev.fakes.aws_login import Login, Sessions
from clarion.dev.fakes.serving import Fake
from clarion.dev.fakes.ses_events import Taken
from clarion.dev.fakes.ses_rules import Refusal
from clarion.dev.fakes.sns_topic import Topic, certificate

_CONFIRMED = """<ConfirmSubscriptionResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
<ConfirmSubscriptionResult><SubscriptionArn>{arn}:{id}</SubscriptionArn></ConfirmSubscriptionResult>
</ConfirmSubscriptionResponse>"""


class SesFake(Fake):
    """One user of one account, in one region."""

    def __init__(
        self,
        *,
        access_key: str,
        secret: str,
        domain: str,
        topic_arn: str,
        region: str = "eu-west-1",
        configuration_sets: Sequence[str] = (),
        endpoint: str | None = None,
        reports: Sequence[str] = (),
        sessions: Sessions | None = None,
        port: int = 0,
    ) -> None:
        """*domain* is the one that is verified; *endpoint* is subscribed to the topic; *reports* are the types of
        events of each mail that is taken, in order, which it is posted; *sessions* are keys of roles that it knows."""
        super().__init__(port=port)
        self.taken: list[Taken] = []
        self.endpoint = endpoint
        #: Tokens of subscriptions that were confirmed, and how often the certificate was fetched.
        self.confirmed: list[str] = []
        self.certificates = 0
        known = sessions or Sessions()
        self._login = Login(access_key=access_key, secret=secret, region=region, service="ses", sessions=known)
        self._domain, self._topic_arn, self._reports = domain, topic_arn, tuple(reports)
        self._sets = frozenset(configuration_sets)

    @property
    def topic(self) -> Topic:
        return Topic(self._topic_arn, self.url)

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v2/email/outbound-emails", self._send)
        router.add_get("/{name:SimpleNotificationService-[0-9a-f]+[.]pem}", self._certificate)
        router.add_get("/", self._confirm)
        router.add_post("/_fake/events", self._tell)
        router.add_post("/_fake/subscription", self._subscribe)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(mail) for mail in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    async def report(self, id: str, kind: str, **more: Any) -> int:
        """Publish an event of the mail *id*; the HTTP status of the subscriber's answer.

        Raises KeyError for a mail that was never taken, or where nobody is subscribed.
        """
        mail = next((one for one in self.taken if one.id == id), None)
        if mail is None or self.endpoint is None:
            raise KeyError(id)
        body, headers = self.topic.notification(mail.event(kind, **more))
        return await self.post(self.endpoint, body, headers)

    async def subscribe(self) -> int:
        """Ask the endpoint to confirm; the HTTP status of its answer. Raises KeyError where there is none."""
        if self.endpoint is None:
            raise KeyError("endpoint")
        return await self.post(self.endpoint, *self.topic.confirmation())

    async def _send(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()
        return await self.faults.handle(request, lambda: self._take(request, body))

    async def _take(self, request: web.Request, body: bytes) -> web.Response:
        words = self._login.refused(request, body)
        asked = _json(body)
        raw = rules.raw_mail(asked) if asked is not None else rules.bad("Unable to parse the request.")
        refusal = rules.not_let_in(words) if words else raw if isinstance(raw, Refusal) else None
        if refusal is None and asked is not None and isinstance(raw, bytes):
            refusal = rules.refusal_of(asked, raw, verified=self._domain, sets=self._sets)
            if refusal is None:
                return web.json_response({"MessageId": self._keep(asked, raw).id})
        assert refusal is not None
        headers = {"x-amzn-errortype": refusal.name, "x-amzn-requestid": str(uuid.uuid4())}
        return web.json_response({"message": refusal.message}, status=refusal.status, headers=headers)

    def _keep(self, asked: Mapping[str, Any], raw: bytes) -> Taken:
        mail = rules.parsed(raw)
        id = f"0102{uuid.uuid4().hex[:12]}-{uuid.uuid4()}-000000"
        taken = Taken(
            id=id,
            to=rules.recipients(asked, mail),
            sender=str(mail["from"]),
            subject=str(mail["subject"]),
            message=rules.sent_on(raw, id, self._login.region).decode("ascii", "backslashreplace"),
            tags={tag["Name"]: [tag["Value"]] for tag in asked.get("EmailTags", [])},
            headers=[{"name": name, "value": str(value)} for name, value in mail.items()],
        )
        self.taken.append(taken)
        if self._reports and self.endpoint is not None:
            self.later(self._report_all(taken.id))
        return taken

    async def _report_all(self, id: str) -> None:
        for kind in self._reports:
            await self.report(id, kind)

    async def _certificate(self, request: web.Request) -> web.Response:
        self.certificates += 1
        known = request.path == self.topic.certificate_path
        return web.Response(body=certificate() if known else b"", status=200 if known else 404)

    async def _confirm(self, request: web.Request) -> web.Response:
        query = request.query
        if (query.get("Action"), query.get("TopicArn")) != ("ConfirmSubscription", self._topic_arn):
            return web.Response(
                status=400, text="<ErrorResponse><Error><Code>InvalidParameter</Code></Error></ErrorResponse>"
            )
        self.confirmed.append(query.get("Token", ""))
        text = _CONFIRMED.format(arn=self._topic_arn, id=uuid.uuid4())
        return web.Response(text=text, content_type="text/xml")

    async def _tell(self, request: web.Request) -> web.Response:
        return await self._answered(request, lambda told: self.report(told.pop("id"), told.pop("type"), **told))

    async def _subscribe(self, request: web.Request) -> web.Response:
        return await self._answered(request, lambda _: self.subscribe())

    async def _answered(self, request: web.Request, act: Any) -> web.Response:
        try:
            answered = await act(json.loads(await request.text() or "{}"))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return web.Response(status=422, text=f"{type(error).__name__}: {error}\n")
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.Response(status=502, text=f"{type(error).__name__}\n")
        return web.json_response({"answered": answered})


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
