"""The settings of text and push messages, of the API, of the database, of what is kept and of what is published."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr

from clarion.project import setting_types as types
from clarion.project.setting_kinds import (
    DAY,
    HOUR,
    KIB,
    MIB,
    MINUTE,
    MOST_ATTEMPTS,
    MOST_SENDERS,
    SECOND,
    Duration,
    Group,
    a,
)

Names = Annotated[tuple[str, ...], BeforeValidator(types.names)]
Peppers = Annotated[tuple[SecretStr, ...], BeforeValidator(types.peppers)]
Networks = Annotated[tuple[Any, ...], BeforeValidator(types.networks)]


class Worker(Group):
    """What one worker does at a time."""

    processes: int = a(1, "worker processes on this machine", ge=1, le=64)
    sources: bool = a(
        False, "whether workers also take in what comes from brokers, as bindings say; always so under `clarion up`"
    )
    bounces: bool = a(
        False,
        "whether workers also read mails that came back, as `[bounces]` says; one of them does under `clarion up`",
    )
    queues: Names = a((), "queues to work on, separated by commas; empty means all")
    claim_size: int = a(200, "jobs claimed at once", ge=1, le=2_000)
    intent_size: int = a(
        100,
        "messages whose sending is committed at once, at most `claim_size`; half as many while single ones come",
        ge=1,
        le=500,
    )
    senders: int = a(3, "batches of `intent_size` on their way to a provider at the same time", ge=1, le=MOST_SENDERS)
    lease: Duration = a(
        60 * SECOND, "how long a job stays with a worker that has stopped answering", ge=SECOND, le=HOUR
    )
    poll_interval: Duration = a(
        SECOND, "how often to look for work when nobody says that there is some", ge=SECOND / 100, le=MINUTE
    )
    drain_timeout: Duration = a(
        30 * SECOND, "how long a stopping worker may finish what it has begun", ge=0 * SECOND, le=HOUR
    )
    expand_page: int = a(1_000, "recipients that one step of an expansion reads", ge=10, le=10_000)
    metrics_port: int = a(
        0, "port of each worker's own metrics, or the first free one behind it; 0 is none", ge=0, le=65_535
    )
    metrics_host: str = a("127.0.0.1", "address that the metrics of workers are at; nobody is asked for a key there")


class Api(Group):
    """What one HTTP request may bring, and how many one tenant may send to each API process."""

    max_body: int = a(MIB, "bytes in the body of a request", ge=KIB, le=64 * MIB)
    max_bulk_body: int = a(8 * MIB, "bytes in the body of a request to a bulk route", ge=KIB, le=256 * MIB)
    rate: int = a(
        2_000, "requests a second of one tenant, once `burst` is used up; 0 is any number", ge=0, le=1_000_000
    )
    burst: int = a(10_000, "requests of one tenant that may come faster than `rate`", ge=1, le=1_000_000)
    concurrency: int = a(
        2_500, "requests of one tenant that are answered at the same time; 0 is any number", ge=0, le=1_000_000
    )
    followers: int = a(
        200, "streams of events and `Prefer: wait` of one tenant at the same time; 0 is any number", ge=0, le=100_000
    )
    failed_keys: int = a(
        100,
        "requests a minute without a valid key from one address (behind a proxy: the proxy's); 0 is any number",
        ge=0,
        le=1_000_000,
    )


class Database(Group):
    """How PostgreSQL is spoken to."""

    api_connections: int = a(10, "connections of one API process", ge=1, le=200)
    worker_connections: int = a(8, "connections of one worker process", ge=2, le=200)
    connect_timeout: Duration = a(10 * SECOND, "how long to wait for a connection", ge=SECOND / 10, le=5 * MINUTE)
    statement_timeout: Duration = a(
        5 * SECOND, "how long a statement of the API may take", ge=SECOND / 10, le=5 * MINUTE
    )
    job_statement_timeout: Duration = a(
        30 * SECOND, "how long a statement of a worker may take", ge=SECOND / 10, le=HOUR
    )
    statement_cache_size: int = a(
        1_024, "prepared statements kept per connection; 0 behind PgBouncer in transaction mode", ge=0, le=10_000
    )


class Retention(Group):
    """How long things are kept once they are finished."""

    completed_jobs: Duration = a(DAY, "finished jobs", ge=0 * DAY, le=366 * DAY)
    failed_jobs: Duration = a(7 * DAY, "jobs that failed for good", ge=0 * DAY, le=366 * DAY)
    messages: Duration = a(
        90 * DAY, "triggers, messages and their attempts, what lies in quarantine", ge=DAY, le=366 * DAY
    )
    feed: Duration = a(90 * DAY, "items of the in-app feed", ge=DAY, le=366 * DAY)
    attachments: Duration = a(
        7 * DAY,
        "files that were uploaded, since they were last uploaded or named by a trigger; none goes before its triggers "
        "have ended",
        ge=HOUR,
        le=366 * DAY,
    )
    timers: Duration = a(7 * DAY, "timers that fired or were cancelled", ge=0 * DAY, le=366 * DAY)
    schedule_runs: Duration = a(30 * DAY, "what schedules did", ge=DAY, le=366 * DAY)
    caught_mails: Duration = a(7 * DAY, "mails that the mail catcher took", ge=HOUR, le=366 * DAY)


class Suppression(Group):
    """Addresses that are not written to any more, and how recipients unsubscribe."""

    critical_categories: Names = a(
        (),
        "categories, separated by commas, whose messages nobody can unsubscribe from; workflows with `priority: "
        "critical` are so anyway",
    )
    verified_categories: Names = a(
        (),
        "categories, separated by commas, whose messages go to verified addresses alone; workflows with "
        "`require_verified: true` do so anyway",
    )
    one_click: bool = a(
        True,
        "whether mails of other categories say how to unsubscribe in their headers (RFC 8058), where `public_url` "
        "begins with `https://`",
    )
    old_secrets: Peppers = a(
        (),
        "earlier values of `secret`, separated by commas: links and bounce addresses made with one still work, and "
        "secrets of webhooks that were sealed with one can still be read",
    )
    soft_bounces: int = a(
        5,
        "an address is left alone after so many soft bounces with nothing that arrived in between; 0: never",
        ge=0,
        le=1_000,
    )
    soft_window: Duration = a(30 * DAY, "how far back soft bounces are counted", ge=HOUR, le=90 * DAY)
    soft_lasts: Duration = a(30 * DAY, "how long an address is left alone then", ge=HOUR, le=366 * DAY)


class Breaker(Group):
    """When an account at a provider is left alone because it fails or hangs, and for how long."""

    calls: int = a(10, "calls within `window` below which nothing is concluded", ge=1, le=100_000)
    window: Duration = a(30 * SECOND, "how long calls are counted together", ge=SECOND, le=HOUR)
    failures: int = a(50, "percent of them that must fail, or be slow, for the account to be left alone", ge=1, le=100)
    slow: Duration = a(
        20 * SECOND, "a batch of messages that is longer on its way counts as slow", ge=SECOND / 10, le=10 * MINUTE
    )
    open_for: Duration = a(
        5 * SECOND,
        "how long an account is left alone before it is probed; each time that fails, twice as long",
        ge=SECOND / 10,
        le=HOUR,
    )
    longest: Duration = a(5 * MINUTE, "no account is left alone for longer between two probes", ge=SECOND / 10, le=DAY)
    probe_for: Duration = a(
        MINUTE,
        "how long one probe may take before another one goes, such as when its worker died",
        ge=SECOND / 10,
        le=HOUR,
    )


class Defaults(Group):
    """What a workflow gets that does not say otherwise."""

    attempts: int = a(8, "tries in all, the first included", ge=1, le=MOST_ATTEMPTS)
    expires_after: Duration = a(
        3 * DAY,
        "a message not sent this long after its trigger, or its `send_at`, expires",
        ge=SECOND,
        le=366 * DAY,
    )


class Publish(Group):
    """How messages are handed to brokers and to the endpoints of webhooks."""

    attempts: int = a(15, "tries of one message in all, the first included", ge=1, le=50)
    first_wait: Duration = a(
        5 * SECOND, "how long to wait before the second try; each wait is four times the last", ge=SECOND / 10, le=HOUR
    )
    longest_wait: Duration = a(6 * HOUR, "no wait is longer", ge=SECOND / 10, le=7 * DAY)
    allow_networks: Networks = a(
        (),
        "networks besides the internet that webhooks may reach, such as `10.20.0.0/16`, separated by commas; there "
        "also by plain HTTP and on any port",
    )
