"""What becomes of a message: before it is sent, after the provider answered, and after a worker died with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from clarion.domain.backoff import wait
from clarion.domain.feedback import Feedback
from clarion.domain.outcome import Outcome, Pushback, Reject, Retry, Sent, Uncertain
from clarion.domain.status import Status
from clarion.domain.workflow import Backoff, OnUncertain

#: After this many workers died holding it, a job is put away instead of tried again (PROMISES P14).
MOST_RESCUES = 3


class Verdict(NamedTuple):
    """The move of one message and of its job."""

    status: Status
    reason: str | None = None
    provider_id: str | None = None
    possible_duplicate: bool = False
    #: What the attempt came to; None when there was none.
    attempt: str | None = None
    #: When to try again; None when this is the end.
    after: timedelta | None = None
    #: False when the attempt says nothing about the message, and does not count against its policy.
    spent: bool = True
    #: Whether the job is kept with the buried ones, for an operator to look at.
    bury: bool = False
    #: What to note in the timeline besides the attempt.
    event: str | None = None
    #: What was said of the address, if anything was.
    feedback: Feedback | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How often and how long to try, resolved once per workflow and channel."""

    attempts: int
    backoff: Backoff
    on_uncertain: OnUncertain


def before_sending(*, cancelled: bool, remains: timedelta, rescues: int) -> Verdict | None:
    """Why a queued message must not be sent now; None when it may be.

    *remains* is the time to its deadline, *rescues* how many workers died holding its job.
    """
    if cancelled:
        return Verdict(status=Status.CANCELLED, reason="its trigger was cancelled", event="cancelled")
    if remains <= timedelta(0):
        return Verdict(status=Status.EXPIRED, reason="its deadline passed before it could be sent", event="expired")
    if reason := quarantined(rescues):
        return Verdict(status=Status.FAILED, reason=reason, bury=True, event="quarantined")
    return None


def quarantined(rescues: int) -> str | None:
    """Why a job from which *rescues* workers died must be put away unseen; None while it may be taken on."""
    return f"quarantined: {rescues} workers died while they held it" if rescues >= MOST_RESCUES else None


def not_renderable(reason: str) -> Verdict:
    """The content cannot be made: trying again would not help."""
    return Verdict(status=Status.FAILED, reason=reason, bury=True, event="not_rendered")


def suppressed(why: str) -> Verdict:
    """Its address is not written to."""
    return Verdict(status=Status.SKIPPED, reason=f"suppressed: {why}")


def out_of_reach(reason: str) -> Verdict:
    """Where it was to go is no more: nothing is sent, and nothing failed."""
    return Verdict(status=Status.SKIPPED, reason=reason, event="skipped")


def not_now(reason: str, after: timedelta) -> Verdict:
    """Where it is to go takes none for a while: it waits, and spends no attempt on it."""
    return Verdict(status=Status.QUEUED, reason=reason, after=after, spent=False)


def after_attempt(outcome: Outcome, policy: Policy, *, tried: int, remains: timedelta, chance: float) -> Verdict:
    """What the provider's answer means for the message.

    *tried* counts this attempt too; *remains* is the time to the deadline; *chance* in 0…1 is the jitter's randomness.
    """
    match outcome:
        case Sent(provider_id):
            return Verdict(status=Status.SENT, provider_id=provider_id, attempt="accepted")
        case Reject(reason, code, feedback):
            reason = f"{code}: {reason}"
            return Verdict(status=Status.FAILED, reason=reason, attempt="rejected", bury=True, feedback=feedback)
        case Retry(reason, after, pause_provider):
            free = pause_provider or outcome.unspent or outcome.pushback is Pushback.AWAY
            if free and after is not None:
                return _wait_for_provider(reason, after, remains=remains, chance=chance)
            return _try_again(reason, after, policy, tried=tried, remains=remains, chance=chance)
        case Uncertain(reason):
            if outcome.answered and policy.on_uncertain is OnUncertain.RETRY:
                verdict = _try_again(reason, None, policy, tried=tried, remains=remains, chance=chance)
                return verdict._replace(attempt="uncertain", possible_duplicate=verdict.after is not None)
            return _nobody_knows(reason, policy, tried=tried, remains=remains, chance=chance)


def goes_elsewhere(outcome: Retry | Reject, account: str) -> Verdict:
    """It goes to *account* at once, which had no turn yet: the round is one attempt of the message, not one each."""
    attempt = "retryable" if isinstance(outcome, Retry) else "rejected"
    reason = f"{outcome.reason}; it goes to {account}"
    soon = timedelta(microseconds=1)
    return Verdict(status=Status.QUEUED, reason=reason, attempt=attempt, after=soon, spent=False, event="failed_over")


def to_next_address(failed: Verdict) -> Verdict:
    """Its address is dead, and its recipient has another one: it is tried again, and goes there."""
    reason = f"{failed.reason}; its recipient has another address"
    return failed._replace(status=Status.QUEUED, reason=reason, after=timedelta(seconds=1), spent=False, bury=False)


def _try_again(
    reason: str, after: timedelta | None, policy: Policy, *, tried: int, remains: timedelta, chance: float
) -> Verdict:
    if tried >= policy.attempts:
        reason = f"gave up after {tried} attempts: {reason}"
        return Verdict(status=Status.FAILED, reason=reason, attempt="retryable", bury=True)
    pause = max(wait(policy.backoff, tried, chance), after or timedelta(0))
    if pause >= remains:
        reason = f"the next attempt would come after its deadline: {reason}"
        return Verdict(status=Status.EXPIRED, reason=reason, attempt="retryable", event="expired")
    return Verdict(status=Status.QUEUED, reason=reason, attempt="retryable", after=pause)


def _wait_for_provider(reason: str, after: timedelta, *, remains: timedelta, chance: float) -> Verdict:
    """The provider, or the domain or room that it is for, asked to wait: no message is the worse for it, and not all
    come back in the same moment."""
    pause = after * (1 + 0.2 * chance)
    if pause >= remains:
        return Verdict(status=Status.EXPIRED, reason=reason, attempt="retryable", event="expired")
    return Verdict(status=Status.QUEUED, reason=reason, attempt="retryable", after=pause, spent=False)


def _nobody_knows(reason: str, policy: Policy, *, tried: int, remains: timedelta, chance: float) -> Verdict:
    pause = wait(policy.backoff, tried, chance)
    if policy.on_uncertain is OnUncertain.RETRY and tried < policy.attempts and pause < remains:
        return Verdict(status=Status.QUEUED, reason=reason, attempt="uncertain", after=pause, possible_duplicate=True)
    return Verdict(status=Status.UNKNOWN, reason=reason, attempt="uncertain", event="held")
