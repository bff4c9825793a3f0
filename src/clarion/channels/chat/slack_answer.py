"""What Slack's answer to a message means: pure functions over a table of its errors.

Sources, as of November 2026: https://docs.slack.dev/reference/methods/chat.postMessage#errors,
https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors,
https://docs.slack.dev/apis/web-api/rate-limits.

answer                                     outcome
-----------------------------------------  ------------------------------------------------------------------
ok, with the time stamp of the message     Sent, with that
ok without one; any other 2xx              Uncertain: it says that it was taken, and not as what
an error of `GONE`                         Reject invalid_recipient; the chat is disabled
an error of `NOT_ALLOWED`                  Reject destination_refused: somebody in the workspace may mend it
an error of `ACCOUNT`                      Retry, everybody waits: the token or the app; no message is the worse
an error of `BUSY`, 429                    Retry, everybody waits: as long as ``Retry-After`` says, or a little
an error of `AWAY`                         Retry
an error of `UNSURE`                       Uncertain: "some aspect of the operation" may have succeeded
msg_too_long, msg_blocks_too_long          Reject too_large
any other error                            Reject rejected
any other                                  by the HTTP status: `clarion.http.outcome.of_refusal`

of a webhook, which answers in plain words
------------------------------------------------------------------------------------------------------
200 ``ok``                                 Sent, with that: a webhook names no message
any other 2xx                              Uncertain
a word of `GONE`, 404, 410, 401, 403       Reject invalid_recipient; the chat is disabled
a word of `NOT_ALLOWED`                    Reject destination_refused
429                                        Retry, for this room alone, as long as ``Retry-After`` says
any other                                  by the HTTP status
"""

from __future__ import annotations

import re

from clarion.channels.chat.over_http import gone, of_webhook, taken_as_nothing, without
from clarion.domain.outcome import Outcome, Reject, Retry, Sent, Uncertain
from clarion.http.outcome import BUSY as A_LITTLE
from clarion.http.outcome import locked_out
from clarion.http.reply import Reply, printable

GONE = frozenset(
    {"channel_not_found", "is_archived", "channel_is_archived", "user_not_found", "user_disabled", "cannot_dm_bot"}
    | {"no_service", "no_service_id", "no_active_hooks", "no_team", "team_disabled", "invalid_token"}
)
NOT_ALLOWED = frozenset(
    {
        "not_in_channel",
        "restricted_action",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    }
    | {"restricted_action_non_threadable_channel", "restricted_action_thread_locked", "messages_tab_disabled"}
    | {"ekm_access_denied", "team_access_not_granted", "action_prohibited", "posting_to_general_channel_denied"}
    | {"posting_to_channel_denied"}
)
ACCOUNT = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "no_permission",
        "missing_scope",
    }
    | {"org_login_required", "access_denied", "accesslimited", "not_allowed_token_type", "two_factor_setup_required"}
    | {"enterprise_is_restricted", "deprecated_endpoint", "method_deprecated"}
)
BUSY = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
AWAY = frozenset({"service_unavailable", "team_added_to_org", "request_timeout"})
UNSURE = frozenset({"internal_error", "fatal_error"})
TOO_LONG = frozenset({"msg_too_long", "msg_blocks_too_long"})

_TS = re.compile(r"[0-9]{1,12}\.[0-9]{1,9}")
_WORD = re.compile(r"[a-z_]{3,60}")
_DONE = "ok"


def of_bot(reply: Reply, token: str) -> Outcome:
    """The outcome of a call that was answered with *reply*; *token* is in no reason."""
    error = reply.json.get("error")
    word = error if isinstance(error, str) and _WORD.fullmatch(error) else ""
    said = without(f"HTTP {reply.status}" + (f", {printable(str(error))}" if error else _shown(reply)), token)
    if reply.ok and reply.json.get("ok") is True:
        ts = reply.json.get("ts")
        return Sent(ts) if isinstance(ts, str) and _TS.fullmatch(ts) else taken_as_nothing(said)
    if word and not 500 <= reply.status < 600 and reply.status != 429:
        return _by_word(word, said, reply)
    return taken_as_nothing(said) if reply.ok else reply.refusal(said, idempotent=False)


def of_hook(reply: Reply, url: str, *, own: bool) -> Outcome:
    """The outcome of what was posted to the webhook at *url*, which is in no reason."""
    words = reply.body.decode("utf-8", "replace").strip() if len(reply.body) < 100 else ""
    said = without(f"HTTP {reply.status}{_shown(reply)}", url)
    if reply.ok:
        return Sent(_DONE) if words == _DONE else taken_as_nothing(said)
    if words in GONE:
        return gone(said)
    if words in NOT_ALLOWED:
        return Reject(said, code="destination_refused")
    return of_webhook(reply, said, own=own)


def _by_word(word: str, said: str, reply: Reply) -> Outcome:
    if word in GONE:
        return gone(said)
    if word in ACCOUNT:
        return locked_out(said)
    if word in BUSY:
        return Retry(said, after=reply.retry_after or A_LITTLE, pause_provider=True, blameless=True)
    if word in AWAY:
        return Retry(said, after=reply.retry_after)
    if word in UNSURE:
        return Uncertain(said)
    if word in NOT_ALLOWED:
        return Reject(said, code="destination_refused")
    return Reject(said, code="too_large" if word in TOO_LONG else "rejected")


def _shown(reply: Reply) -> str:
    # A success repeats the message itself: none of it belongs into a reason.
    return f": {reply.shown}" if reply.shown and not reply.ok else ""
