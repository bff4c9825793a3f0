"""Checking a live system: the promises as invariants over its rows, recomputed (PROMISES P20)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from clarion.store import verify as rules
from clarion.store.database import Connection

#: What each rule promises, for people.
SAYS: Mapping[str, str] = {
    "open_trigger_has_job": "a trigger that is not expanded has its job, if only a buried one",
    "open_message_has_job": "a message that is queued or being sent has its job",
    "job_has_message": "a job to deliver has its message",
    "sending_has_intent": "a message that is being sent has its attempt on record",
    "attempts_are_numbered": "every attempt belongs to a message that counted it first",
    "sent_has_proof": "a mail is sent only with the provider's own id",
    "reports_are_noted": "a message that arrived or came back has in its timeline that its provider said so",
    "duplicates_are_labelled": "a message that may have gone out twice says so",
    "hold_is_never_repeated": "under on_uncertain: hold nothing goes out twice unless a person wanted it",
    "intents_precede_ends": "an attempt ends after it was intended",
    "no_intent_is_left_alone": "no intent is older than two leases without anybody on it",
    "nothing_is_overdue": "nothing is open an hour past its deadline",
    "nothing_is_sent_after_cancel": "nothing is begun after a cancel has been answered",
    "counts_equal_rows": "the counts of a trigger equal its messages",
    "runs_equal_expanded": "a trigger has one run for each recipient that it was expanded to",
    "waiting_run_has_job": "a run that waits has its job, if only a buried one",
    "job_has_waiting_run": "a job to go on has a run that waits",
    "waiting_equals_rows": "the count of a trigger's waiting runs equals them, and none of a completed trigger waits",
    "completed_has_nothing_open": "a completed trigger has nothing open",
    "in_app_is_in_the_feed": "what is delivered in-app is in the feed, and nothing else is",
    "feed_counters_equal_rows": "the counts of a feed equal its items",
    "topic_counts_equal_rows": "the count of a topic equals its members",
    "inbound_has_its_triggers": "what came in from a broker and was acknowledged is there as the triggers it became",
    "quarantined_is_kept": "a message that could not be used lies in quarantine until it is redriven",
    "keys_are_unique": "one trigger per idempotency key",
    "pending_timer_has_job": "a timer that is pending has its job, if only a buried one",
    "job_has_timer": "a job of a timer has its timer",
    "no_timer_is_early": "no timer fired before its time",
    "no_timer_is_late": "no timer is pending an hour past its time",
    "schedule_has_job": "a schedule that is not paused has its job",
    "one_run_per_nominal_time": "a schedule runs once per nominal time",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that does not hold."""

    rule: str
    says: str
    count: int
    #: The ids of a few of the rows.
    examples: tuple[str, ...]


async def verify(connection: Connection, *, lease: timedelta = timedelta(seconds=60)) -> list[Violation]:
    """Every promise that the rows break, in one snapshot of a system that may be running. None is as it should be."""
    found = []
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        await connection.execute(
            "SET LOCAL statement_timeout = 0; SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = on"
        )
        for rule in rules.RULES:
            count, examples = await rules.broken(connection, rule, two_leases=2 * lease)
            if count:
                found.append(Violation(rule, SAYS[rule], count, tuple(examples)))
    return found
