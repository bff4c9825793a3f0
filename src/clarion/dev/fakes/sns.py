"""A local server that speaks the API of Amazon SNS as far as text messages need it: it takes them, and sends none.

Written from https://docs.aws.amazon.com/sns/latest/api/API_Publish.html and the model of the service in botocore 1.44
as of November 2026. Amazon's own library (boto3 1.44) passes against it in the tests. Unlike SNS it does not limit the
rate. SNS tells nothing later, and so does the fake.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aiohttp import web

from clarion import clock
from clarion.dev.fakes.aws_login import Login, Sessions
from clarion.dev.fakes.serving import Fake

_TAKEN = """<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
  <PublishResult><MessageId>{id}</MessageId></PublishResult>
  <ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata>
</PublishResponse>"""
_REFUSED = """<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
  <Error><Type>Sender</Type><Code>{code}</Code><Message>{words}</Message></Error>
  <RequestId>{request}</RequestId>
</ErrorResponse>"""

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_NAME = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]{1,11}")
_ENTRY = re.compile(r"MessageAttributes\.entry\.([0-9]+)\.Name")
_MOST = 1_600

#: Numbers that the fake refuses: nobody's, and one whose user answered STOP.
REFUSED, OPTED_OUT = "+15005550001", "+15005550004"


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error."""

    status: int
    code: str
    words: str

    def body(self) -> str:
        """As SNS writes it."""
        return _REFUSED.format(code=self.code, words=escape(self.words), request=uuid.uuid4())


def invalid(parameter: str, why: str) -> Refusal:
    return Refusal(400, "InvalidParameter", f"Invalid parameter: {parameter} Reason: {why}")


@dataclass(slots=True, kw_only=True)
class Taken:
    """A message that was taken: by it the provider and Clarion's database are compared."""

    id: str
    to: str
    text: str
    attributes: dict[str, str]
    at: str = field(default_factory=lambda: clock.now().isoformat())


class SnsFake(Fake):
    """One user of one account, in one region."""

    def __init__(
        self,
        *,
        access_key: str,
        secret: str,
        region: str = "eu-west-1",
        sessions: Sessions | None = None,
        port: int = 0,
    ) -> None:
        """*sessions* are keys of roles that are let in too."""
        super().__init__(port=port)
        known = sessions or Sessions()
        self.taken: list[Taken] = []
        self._login = Login(access_key=access_key, secret=secret, region=region, service="sns", sessions=known)

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/", self._publish)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    async def _publish(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()
        return await self.faults.handle(request, lambda: self._take(request, body))

    async def _take(self, request: web.Request, body: bytes) -> web.Response:
        form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        words = self._login.refused(request, body)
        refusal = _not_let_in(words) if words else _refused(form)
        if refusal is not None:
            return web.Response(status=refusal.status, text=refusal.body(), content_type="text/xml")
        taken = Taken(id=str(uuid.uuid4()), to=form["PhoneNumber"], text=form["Message"], attributes=_attributes(form))
        self.taken.append(taken)
        return web.Response(text=_TAKEN.format(id=taken.id, request=uuid.uuid4()), content_type="text/xml")


def _not_let_in(words: str) -> Refusal:
    if "is expired" in words:
        return Refusal(403, "ExpiredToken", words)
    if "token included" in words:
        return Refusal(403, "InvalidClientTokenId", words)
    return Refusal(403, "MissingAuthenticationToken" if "Missing" in words else "SignatureDoesNotMatch", words)


def _refused(form: Mapping[str, str]) -> Refusal | None:
    """Why SNS would not publish this; None when it would."""
    to, text = form.get("PhoneNumber", ""), form.get("Message", "")
    if (form.get("Action"), form.get("Version")) != ("Publish", "2010-03-31"):
        return Refusal(400, "InvalidAction", "The fake knows Publish to a number alone.")
    if not text:
        return invalid("Message", "Empty message")
    if len(text) > _MOST:
        return invalid("Message", "Message too long")
    if not _E164.fullmatch(to) or to == REFUSED:
        return invalid("PhoneNumber", f"{to} is not valid to publish to")
    if to == OPTED_OUT:
        return Refusal(400, "OptedOut", "The phone number opted out of receiving SMS messages from your account.")
    return _attribute_refused(_attributes(form))


def _attribute_refused(attributes: Mapping[str, str]) -> Refusal | None:
    name = attributes.get("AWS.SNS.SMS.SenderID")
    if name is not None and not _NAME.fullmatch(name):
        return invalid("MessageAttributes", f"AWS.SNS.SMS.SenderID {name} is not valid")
    number = attributes.get("AWS.MM.SMS.OriginationNumber")
    if number is not None and not re.fullmatch(r"\+?[0-9]{3,15}", number):
        return invalid("MessageAttributes", "AWS.MM.SMS.OriginationNumber is not valid")
    if attributes.get("AWS.SNS.SMS.SMSType", "Promotional") not in ("Promotional", "Transactional"):
        return invalid("MessageAttributes", "AWS.SNS.SMS.SMSType is not valid")
    return None


def _attributes(form: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for key, name in form.items():
        if entry := _ENTRY.fullmatch(key):
            found[name] = form.get(f"MessageAttributes.entry.{entry[1]}.Value.StringValue", "")
    return found
