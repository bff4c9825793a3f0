"""What Discord's answer to a message means: pure functions over a table of its error codes.

Sources, as of November 2026: https://docs.discord.com/developers/topics/opcodes-and-status-codes#json (codes),
https://docs.discord.com/developers/topics/rate-limits.

answer                                     outcome
-----------------------------------------  ------------------------------------------------------------------
2xx with the message's id                  Sent, with the id
2xx with an error code                     as the code says
any other 2xx                              Uncertain: it says that it was taken, and not as what
a code of `GONE`                           Reject invalid_recipient; the chat is disabled
a code of `NOT_ALLOWED`                    Reject destination_refused: somebody on the server may mend it
a code of `ACCOUNT`                        Retry, everybody waits: the token; no message is the worse
a code of `AWAY`                           Retry
a code of `BUSY`, whatever the status      as a 429 with `global` false
50035 about a length, 40005                Reject too_large
429 with `global` false                    Retry, for this room alone, as long as `retry_after` says
429 with `global`, or no JSON              Retry, everybody waits: as long as it says, or a little
any other code                             Reject rejected
of a webhook 401, 403, 404, 410            Reject invalid_recipient; the chat is disabled
any other                                  by the HTTP status: `clarion.http.outcome.of_refusal`
"""

from __future__ import annotations

import re
from datetime import timedelta

from clarion.channels.chat.over_http import gone, of_webhook, room_busy, taken_as_nothing, without
from clarion.domain.outcome import Outcome, Reject, Retry, Sent
from clarion.http.outcome import LONGEST_WAIT, locked_out
from clarion.http.reply import Reply, printable

#: No such channel, server, user or webhook; a webhook's token that is none; somebody who takes nothing from the bot.
GONE = frozenset({10003, 10004, 10013, 10015, 50027, 50007, 50278})
#: No access, or not the right to write, or only for who is verified; no channel for text, a thread that is archived or
#: locked; a forum, which takes threads alone, perhaps with a tag.
NOT_ALLOWED = frozenset({50001, 50013, 50009, 50008, 50024, 50083, 160005, 40058, 40067, 220001})
#: Not logged in, not verified, a token that is none or may not; shut out by what stands before Discord.
ACCOUNT = frozenset({40001, 40002, 50014, 50025, 50026, 50178, 40333})
#: Busy, overloaded, or switched off for now.
AWAY = frozenset({40062, 130000, 40004, 40006, 110001})
#: Too many for the room: its slow mode, or the writes to the channel or the server.
BUSY = frozenset({20016, 20028, 20029})
INVALID, TOO_LARGE = 50035, 40005

_ID = re.compile(r"[1-9][0-9]{15,19}")
_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")
_LENGTH = re.compile(r"BASE_TYPE_(?:MAX|BAD)_LENGTH")


def outcome_of(reply: Reply, secret: str, *, webhook: bool, own: bool) -> Outcome:
    """The outcome of a request that was answered with *reply*; *secret* is in no reason."""
    code = reply.json.get("code")
    number = code if isinstance(code, int) and not isinstance(code, bool) else 0
    said = without(_said(reply, number), secret)
    if reply.ok:
        id = reply.json.get("id")
        if isinstance(id, str) and _ID.fullmatch(id):
            return Sent(id)
        return _by_code(number, said, reply) if number else taken_as_nothing(said)
    if reply.status == 429:
        return _busy(reply, said)
    if number and 400 <= reply.status < 500 and reply.status != 401:
        return _by_code(number, said, reply)
    return of_webhook(reply, said, own=own) if webhook else reply.refusal(said, idempotent=False)


def used_up(reply: Reply) -> timedelta | None:
    """For how long the room takes no more, where the message that was answered with *reply* was the last for now."""
    if reply.headers.get("x-ratelimit-remaining") != "0":
        return None
    given = reply.headers.get("x-ratelimit-reset-after", "")
    wait = timedelta(seconds=float(given)) if _SECONDS.fullmatch(given) else timedelta(0)
    return min(wait, LONGEST_WAIT) or None


def _by_code(code: int, said: str, reply: Reply) -> Outcome:
    if code in GONE:
        return gone(said)
    if code in NOT_ALLOWED:
        return Reject(said, code="destination_refused")
    if code in ACCOUNT:
        return locked_out(said)
    if code in BUSY:
        return room_busy(said, reply.retry_after)
    if code in AWAY:
        return Retry(said, after=reply.retry_after)
    too_large = code == TOO_LARGE or (code == INVALID and _LENGTH.search(str(reply.json.get("errors"))))
    return Reject(said, code="too_large" if too_large else "rejected")


def _busy(reply: Reply, said: str) -> Outcome:
    seconds, everywhere = reply.json.get("retry_after"), reply.json.get("global")
    after = reply.retry_after
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < 10**6:
        after = min(timedelta(seconds=seconds), LONGEST_WAIT)
    if everywhere is False:
        return room_busy(said, after)
    refusal = reply.refusal(said, idempotent=False)
    return refusal if after is None else Retry(said, after=after, pause_provider=True, blameless=True)


def _said(reply: Reply, code: int) -> str:
    words = reply.json.get("message")
    # A success repeats the message itself: none of it belongs into a reason.
    shown = printable(words) if isinstance(words, str) else "" if reply.ok else reply.shown
    return f"HTTP {reply.status}" + (f", {code}" if code else "") + (f": {shown}" if shown else "")
