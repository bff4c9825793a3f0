"""Mail after mail over one connection, always knowing what an interruption would mean.

Where the server offers PIPELINING (RFC 2920) the commands of a mail go out together, behind the final dot of the mail
before: one round trip a mail. That is within §3.1: the message may be the first in a group, DATA the last. Elsewhere
each command waits for its reply.
"""

from __future__ import annotations

from collections.abc import Callable

from clarion.channels.email.connection import Connection
from clarion.channels.email.outcome import Phase, of_failure, of_reply
from clarion.channels.email.settings import SmtpSettings
from clarion.channels.email.work import Job, Work
from clarion.domain.outcome import Reject
from clarion.turns import Turns

#: Larger messages are written piece by piece, and their final dot only when all else is with the operating system: so
#: a connection that breaks in the middle of one leaves no doubt.
_PIECE = 64 * 1024

_ENVELOPE = (Phase.MAIL, Phase.RCPT, Phase.DATA)


class Conversation:
    """Takes mails from *work* and hands them over, until there are none, the connection ends, or *enough* says so."""

    def __init__(
        self,
        connection: Connection,
        work: Work,
        settings: SmtpSettings,
        enough: Callable[[int], bool],
        *,
        turns: Turns | None = None,
    ) -> None:
        """*enough* says, of how many mails it has taken, whether it is to end. Each mail waits for one of *turns*."""
        self._turns = turns
        self._connection = connection
        self._work = work
        self._timeouts = settings.timeouts
        self._limit = settings.messages_per_connection
        self._pipelining = settings.pipelining and connection.offer.pipelining
        self._eight_bit = settings.eight_bit and connection.offer.eight_bit
        self._enough = enough
        self._taken = 0

    async def run(self) -> None:
        """Settle or give back every mail that is taken. Raises nothing for what the server does."""
        job = await self._take()
        if job is not None and self._pipelining:
            self._connection.write(self._announcement(job))
        while job is not None:
            ahead: Job | None = None
            if await self._opened(job):
                if self._turns is not None:
                    await self._turns.take()
                ahead = await self._take(1) if self._pipelining else None
                if not await self._handed_over(job, ahead):
                    if ahead is not None:
                        self._work.give_back(ahead)
                    return
            job = ahead or await self._take()
            if job is not None and ahead is None and self._pipelining:
                self._connection.write(self._announcement(job))

    async def _take(self, in_flight: int = 0) -> Job | None:
        """The next mail that this connection may carry; *in_flight* mails of it are not counted as used yet."""
        connection = self._connection
        if connection.broken is not None or connection.used + in_flight >= self._limit or self._enough(self._taken):
            return None
        while (job := await self._work.take(self._eight_bit)) is not None:
            letter, offer = job.letter, connection.offer
            if letter.smtputf8 and not offer.smtputf8:
                self._work.settle(job, Reject("the server does not offer SMTPUTF8", code="smtputf8_unsupported"))
            elif 0 < offer.size < letter.size:
                reason = f"the message has {letter.size} octets, the server takes {offer.size}"
                self._work.settle(job, Reject(reason, code="too_large"))
            else:
                self._taken += 1
                return job
        return None

    async def _opened(self, job: Job) -> bool:
        """Whether the server waits for the message of *job*; else it has been settled or given back."""
        connection = self._connection
        replies = await (self._grouped() if self._pipelining else self._one_by_one(job))
        for phase, (code, text) in zip(_ENVELOPE, replies, strict=False):
            if not (code == 354 if phase is Phase.DATA else 200 <= code < 300):
                await self._refused(job, phase, code, text, replies)
                return False
        if len(replies) == len(_ENVELOPE):
            return True
        phase = _ENVELOPE[len(replies)]
        if phase is Phase.MAIL and connection.used:
            # The server closed a connection that had served before: its good right at any time.
            self._work.give_back(job)
        else:
            self._work.settle(job, of_failure(phase, connection.broken or "no reply"))
        return False

    async def _grouped(self) -> list[tuple[int, str]]:
        connection, limit = self._connection, self._timeouts.command
        if connection.needs_reset:
            connection.needs_reset = False
            await connection.replies(1, limit)
        return await connection.replies(len(_ENVELOPE), limit)

    async def _one_by_one(self, job: Job) -> list[tuple[int, str]]:
        """The replies up to the first that is not a yes."""
        connection, limit = self._connection, self._timeouts.command
        if connection.needs_reset:
            connection.needs_reset = False
            connection.write(b"RSET\r\n")
            await connection.replies(1, limit)
        replies: list[tuple[int, str]] = []
        for command in self._envelope(job):
            connection.write(command)
            reply = await connection.replies(1, limit)
            replies += reply
            if not reply or not 200 <= reply[0][0] < 400:
                break
        return replies

    async def _refused(self, job: Job, phase: Phase, code: int, text: str, replies: list[tuple[int, str]]) -> None:
        """The server said no in *phase*: settle, and leave the connection fit for the next mail, or closed."""
        connection = self._connection
        if code == 421 and phase is Phase.MAIL and connection.used:
            connection.abort("the server ended the session")
            self._work.give_back(job)
            return
        self._work.settle(job, of_reply(phase, code, text))
        connection.needs_reset = True
        # From RCPT on it was of use: what ended the session may be the mail's domain.
        connection.used += code != 421 or phase is not Phase.MAIL
        if code == 421 or not 400 <= code < 600 or code in {500, 502, 503}:
            connection.abort("the server ended the session, or is out of step")
        elif len(replies) == len(_ENVELOPE) and replies[-1][0] == 354:
            # RFC 2920 §3.1: a server may go into DATA without a recipient; a lone dot brings it back.
            connection.write(b".\r\n")
            await connection.replies(1, self._timeouts.command)

    async def _handed_over(self, job: Job, ahead: Job | None) -> bool:
        """Send the message of *job*, and behind it the commands of *ahead*; whether the connection goes on."""
        connection = self._connection
        data = job.letter.data
        if data.rfind(b"\r\n.") >= 0:  # in half the time that `in` takes
            data = data.replace(b"\r\n.", b"\r\n..")
        tail = b".\r\n" if ahead is None else b".\r\n" + self._announcement(ahead)
        if len(data) > _PIECE or job.letter.more:
            whole = await self._written(data) and await self._written(job.letter.more) and connection.write(tail)
        else:
            whole = connection.write(data + tail)
        if not whole:
            await self._cut_short(job)
            return False
        replies = await connection.replies(1, self._timeouts.reply)
        if not replies:
            self._work.settle(job, of_failure(Phase.DOT, connection.broken or "no reply"))
            return False
        code, text = replies[0]
        self._work.settle(job, of_reply(Phase.DOT, code, text))
        connection.used += 1
        if code == 421 or not (200 <= code < 300 or 400 <= code < 600):
            connection.abort("the server ended the session, or is out of step")
            return False
        return True

    async def _written(self, data: bytes) -> bool:
        """Write a large message up to its final dot; False where the connection broke before all of it was gone."""
        connection, view = self._connection, memoryview(data)
        for start in range(0, len(data), _PIECE):
            connection.write(view[start : start + _PIECE])
            if not await connection.drained(self._timeouts.data):
                return False
        return True

    async def _cut_short(self, job: Job) -> None:
        """The final dot was not handed over. Where the server spoke early, that says more than the failure."""
        connection = self._connection
        replies = await connection.replies(1, self._timeouts.command)
        if replies:
            self._work.settle(job, of_reply(Phase.BODY, *replies[0]))
        else:
            self._work.settle(job, of_failure(Phase.BODY, connection.broken or "the server closed the connection"))
        connection.abort("the message was cut short")

    def _announcement(self, job: Job) -> bytes:
        """The commands of *job*, with what must come before them."""
        commands = b"".join(self._envelope(job))
        return b"RSET\r\n" + commands if self._connection.needs_reset else commands

    def _envelope(self, job: Job) -> tuple[bytes, bytes, bytes]:
        letter = job.letter
        options = f" SIZE={letter.size}" if self._connection.offer.takes_size else ""
        if letter.eight_bit or letter.smtputf8:
            options += " BODY=8BITMIME"
        if letter.smtputf8:
            options += " SMTPUTF8"
        return (
            f"MAIL FROM:<{letter.sender}>{options}\r\n".encode(),
            f"RCPT TO:<{letter.recipient}>\r\n".encode(),
            b"DATA\r\n",
        )
