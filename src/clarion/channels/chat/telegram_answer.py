"""What Telegram's answer to a message means: pure functions over its descriptions, which are all there is to go by.

Sources, as of November 2026: https://core.telegram.org/bots/api#making-requests (the shape of answers),
https://core.telegram.org/bots/api#responseparameters, https://core.telegram.org/bots/faq#broadcasting-to-users, and the
descriptions that Telegram's own server for bots (https://github.com/tdlib/telegram-bot-api) has in its source.

answer                                           outcome
-----------------------------------------------  ------------------------------------------------------------
ok, with the message's id                        Sent, with the id
ok without one; any other 2xx                    Uncertain: it says that it was taken, and not as what
403: blocked, deactivated, kicked, deleted, …    Reject invalid_recipient; the chat is disabled
400 chat not found, PEER_ID_INVALID, …           Reject invalid_recipient; the chat is disabled
400 with migrate_to_chat_id                      the adapter asks again, with the group's new id
400 not enough rights, CHAT_WRITE_FORBIDDEN, …   Reject destination_refused: an administrator of the group may mend it
400 FROZEN_METHOD_INVALID                        Retry, everybody waits: Telegram has frozen the bot
400 message is too long                          Reject too_large
400 can't parse entities, any other              Reject rejected
429 for a group or channel                       Retry, for that room alone, as long as retry_after says: 20 a minute
429 for a person                                 Retry, everybody waits: it is the bot's limit of 30 a second
5xx other than 503                               Uncertain: Telegram knows no message again
any other (401, 404: the token …)                by the HTTP status: `clarion.http.outcome.of_refusal`
"""

from __future__ import annotations

import re
from datetime import timedelta

from clarion.channels.chat.over_http import gone, room_busy, taken_as_nothing, without
from clarion.domain.outcome import Outcome, Reject, Retry, Sent
from clarion.http.outcome import LONGEST_WAIT, locked_out
from clarion.http.reply import Reply, printable

_GONE = re.compile(
    r"chat not found|user not found|peer_id_invalid|chat_id_invalid|channel_private|bot was (?:blocked|kicked)|"
    r"user is deactivated|chat was deleted|bot is not a member|can't initiate conversation|can't send messages to bots|"
    r"user_is_bot",
    re.IGNORECASE,
)
_NOT_ALLOWED = re.compile(
    r"not enough rights|have no rights|need administrator rights|chat_write_forbidden|chat_restricted|topic_closed|"
    r"chat_admin_required|voice_messages_forbidden|chat_send_plain_forbidden",
    re.IGNORECASE,
)
#: Said as 400, whatever the method.
_FROZEN = "FROZEN_METHOD_INVALID"
_TOO_LONG = re.compile(r"message is too long|message_too_long", re.IGNORECASE)
_MOVED = re.compile(r"-?[1-9][0-9]{0,15}")


def outcome_of(reply: Reply, room: str, token: str) -> Outcome:
    """The outcome of a request to write to *room* that was answered with *reply*."""
    said = without(_said(reply), token)
    if reply.ok and reply.json.get("ok") is True:
        result = reply.json.get("result")
        id = result.get("message_id") if isinstance(result, dict) else None
        return Sent(str(id)) if isinstance(id, int) and not isinstance(id, bool) else taken_as_nothing(said)
    code = reply.json.get("error_code")
    status = code if reply.ok and isinstance(code, int) else reply.status
    if status == 429:
        return _busy(reply, room, said)
    words = reply.json.get("description")
    if isinstance(words, str) and status in (400, 403):
        return _refused(words, said)
    if reply.ok:
        return taken_as_nothing(said)
    return reply.refusal(said, idempotent=False)


def moved_to(reply: Reply) -> str | None:
    """The id that the group has now, where it has another one."""
    new = str(_parameter(reply, "migrate_to_chat_id"))
    return new if reply.status == 400 and _MOVED.fullmatch(new) else None


def _refused(words: str, said: str) -> Outcome:
    if _FROZEN in words:
        return locked_out(said)
    if _GONE.search(words):
        return gone(said)
    if _NOT_ALLOWED.search(words):
        return Reject(said, code="destination_refused")
    return Reject(said, code="too_large") if _TOO_LONG.search(words) else Reject(said)


def _busy(reply: Reply, room: str, said: str) -> Outcome:
    seconds = _parameter(reply, "retry_after")
    after = reply.retry_after
    if isinstance(seconds, int) and not isinstance(seconds, bool) and seconds > 0:
        after = min(timedelta(seconds=min(seconds, 10**6)), LONGEST_WAIT)
    if room[0] in "-@":
        return room_busy(said, after)
    refusal = reply.refusal(said, idempotent=False)
    if isinstance(refusal, Retry) and after is not None:
        return Retry(said, after=after, pause_provider=True, blameless=True)
    return refusal


def _parameter(reply: Reply, name: str) -> object:
    parameters = reply.json.get("parameters")
    return parameters.get(name) if isinstance(parameters, dict) else None


def _said(reply: Reply) -> str:
    words = reply.json.get("description")
    # A success repeats the message itself: none of it belongs into a reason.
    shown = printable(words) if isinstance(words, str) else "" if reply.ok else reply.shown
    return f"HTTP {reply.status}" + (f": {shown}" if shown else "")
