"""NATS JetStream as a sink: publications that a stream acknowledges."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import APIError, NoStreamResponseError

from clarion.brokers.base import Disconnected, Publication, Sink
from clarion.brokers.nats.connection import LOST, close, connect, why
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.errors import ConfigError

#: How long a stream may take to acknowledge.
_ACKNOWLEDGE_S = 15.0
#: How long everybody waits for a server that does not let us in.
_NOT_LET_IN = timedelta(seconds=60)
#: JetStream's error for a message above the stream's own limit.
_TOO_LARGE = 10054


class NatsSink(Sink):
    """Publishes to subjects that a stream takes, all of a batch in flight at once.

    The id of a publication is its ``Nats-Msg-Id``: a stream does not take it twice within its window for duplicates.
    """

    kind = "nats"

    def __init__(self, url: str) -> None:
        self._url = url
        self._opening = asyncio.Lock()
        self._client: Client | None = None
        self._jetstream: JetStreamContext | None = None
        #: Done, with the reason, when the connection is lost.
        self._lost: asyncio.Future[str] | None = None

    async def publish(self, publications: Sequence[Publication]) -> list[Outcome]:
        try:
            async with self._opening:
                jetstream, lost = await self._ready()
        except ConfigError as error:
            return [Retry(error.message, after=_NOT_LET_IN, pause_provider=True) for _ in publications]
        except (Disconnected, *LOST) as error:
            return [Retry(f"NATS cannot be reached: {why(error)}") for _ in publications]
        sent = [await _send(jetstream, one) for one in publications]
        flying = [one for one in sent if isinstance(one, asyncio.Future)]
        if flying:
            landed: asyncio.Future[Any] = asyncio.gather(*flying, return_exceptions=True)
            gone: asyncio.Future[Any] = lost
            await asyncio.wait([landed, gone], timeout=_ACKNOWLEDGE_S, return_when=asyncio.FIRST_COMPLETED)
            landed.cancel()
        return [_outcome(one, lost) if isinstance(one, asyncio.Future) else one for one in sent]

    async def close(self) -> None:
        client, self._client, self._jetstream = self._client, None, None
        await close(client)

    async def _ready(self) -> tuple[JetStreamContext, asyncio.Future[str]]:
        """The connection, opened where there is none that works."""
        if self._client is None or self._client.is_closed or self._lost is None or self._lost.done():
            await self.close()
            lost = self._lost = asyncio.get_running_loop().create_future()
            self._client = await connect(self._url, "clarion sink", lambda reason: _tell(lost, reason))
            self._jetstream = self._client.jetstream()
        assert self._jetstream is not None
        return self._jetstream, self._lost


async def _send(jetstream: JetStreamContext, one: Publication) -> Outcome | asyncio.Future[PubAck]:
    """Hand it to the connection: what the stream says is to come, unless it cannot be sent at all."""
    subject = one.target.get("subject", "")
    if (fault := _fault(subject)) is not None:
        return Reject(fault, "target")
    headers = {**one.headers, "Content-Type": one.content_type, "Nats-Msg-Id": one.id}
    try:
        return await jetstream.publish_async(subject, one.body, headers=headers)
    except nats.errors.MaxPayloadError:
        return Reject(f"NATS takes no message of {len(one.body)} bytes: see its max_payload", "too_large")
    except (nats.errors.BadSubjectError, nats.errors.BadHeaderError) as error:
        return Reject(f"NATS cannot carry it: {why(error)}", "target")
    except LOST as error:
        return Retry(f"NATS cannot be reached: {why(error)}")


def _outcome(acknowledgement: asyncio.Future[PubAck], lost: asyncio.Future[str]) -> Outcome:
    """What became of one that was sent."""
    if acknowledgement.cancelled() or not acknowledgement.done():
        if lost.done():
            return Uncertain(f"the connection was lost before the stream acknowledged: {lost.result()}")
        return Uncertain(f"no stream acknowledged within {_ACKNOWLEDGE_S:g} s")
    error = acknowledgement.exception()
    if error is None:
        ack = acknowledgement.result()
        return Sent(f"{ack.stream}:{ack.seq}")
    if isinstance(error, NoStreamResponseError):
        return Retry("no stream takes this subject: make one that does")
    if isinstance(error, APIError):
        if error.err_code == _TOO_LARGE:
            return Reject(f"the stream takes no message of this size: {error.description}", "too_large")
        return Retry(f"the stream did not take it: {error.description}")
    return Uncertain(why(error))


def _fault(subject: str) -> str | None:
    """Why nothing may be published to *subject*. Parts of it may come from a payload, and must not reach the server."""
    if not subject:
        return "no subject is given"
    if subject.startswith(("$", "_INBOX.")):
        return f"the subject {subject!r} is the server's own"
    if not subject.isprintable() or " " in subject or not all(subject.split(".")):
        return f"{subject!r} is no subject: blanks, control characters and empty parts are not allowed"
    if any(part in ("*", ">") for part in subject.split(".")):
        return f"the subject {subject!r} has a wildcard: one can only listen to that"
    return None


def _tell(lost: asyncio.Future[str], reason: str) -> None:
    if not lost.done():
        lost.set_result(reason)
