"""What SES tells later of a mail, by a topic of SNS, and whether it is SNS that tells it.

The signature and the certificate: `clarion.channels.aws`. What is not of the account's topic, is older than it may be,
or names a certificate or an address that are not SNS's, is refused before anything is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import orjson
import structlog

from clarion.channels.aws.sns_authority import Authority
from clarion.channels.aws.sns_message import NOTIFICATION, SUBSCRIPTION, UNSUBSCRIPTION, SnsMessage, read_message
from clarion.channels.base import Callback, Callbacks, Report
from clarion.channels.email.ses_events import report_of
from clarion.channels.freshness import is_fresh
from clarion.errors import Forged
from clarion.http.reply import printable

log = structlog.get_logger()


class SesCallbacks(Callbacks):
    """Believes what SNS signs for one topic."""

    def __init__(self, topic: str | None, authority: Authority, *, age: timedelta = timedelta(hours=1)) -> None:
        """*age* is how old what is signed may be: SNS tries again for an hour at most, signed as before.

        Without a *topic*, nothing is believed.
        """
        self._topic = topic
        self._authority = authority
        self._age = age

    async def receive(self, callback: Callback, now: datetime) -> Sequence[Report]:
        """As `read`, with the certificate that it needs; a subscription to the topic is confirmed."""
        message = self._claimed(callback, now)
        if self._authority.key(message.certificate_url) is None:
            await self._authority.learn(message.certificate_url)
        reports = self.read(callback, now)
        if message.type == SUBSCRIPTION:
            await self._authority.confirm(message.topic, message.token)
            log.info("callback.subscribed", topic=message.topic)
        elif message.type == UNSUBSCRIPTION:
            log.warning("callback.unsubscribed", topic=message.topic)
        return reports

    def read(self, callback: Callback, now: datetime) -> Sequence[Report]:
        """By a certificate that is here already. The key of a report is the message's id at SNS, which is signed."""
        message = self._claimed(callback, now)
        key = self._authority.key(message.certificate_url)
        if key is None:
            raise Forged("its certificate is not known")
        message.check(key)
        if message.type != NOTIFICATION:
            return ()
        try:
            event = orjson.loads(message.text)
        except orjson.JSONDecodeError:
            return ()  # "Successfully validated SNS topic for Amazon SES event publishing."
        report = report_of(event, key=printable(message.id)) if isinstance(event, dict) else None
        return () if report is None else (report,)

    async def close(self) -> None:
        await self._authority.close()

    def _claimed(self, callback: Callback, now: datetime) -> SnsMessage:
        """What *callback* says of itself. Raises `Forged` where that alone is enough to refuse it."""
        message = read_message(callback.body)
        if self._topic is None or message.topic != self._topic:
            raise Forged("it is of another topic than the account's")
        if not self._authority.is_certificate(message.certificate_url):
            raise Forged("its certificate is said to be where SNS has none")
        if message.type != NOTIFICATION and not self._authority.is_own(message.subscribe_url):
            raise Forged("it would have us confirm a subscription elsewhere than at SNS")
        if not is_fresh(message.at.timestamp(), now, self._age):
            raise Forged("SNS signed it too long ago, or the clocks differ")
        return message
