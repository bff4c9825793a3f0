"""How a process reaches what it works with: the database, those who ring, the SMTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg

from clarion import clock
from clarion.config import Settings
from clarion.domain.breaker import Limits
from clarion.domain.route import Route
from clarion.domain.workflow import Channel
from clarion.errors import ConfigError
from clarion.project.attachments import guard_of, rules_of
from clarion.queue.notify import Notifier
from clarion.store.database import Pool, check_durable, open_pool, set_up

if TYPE_CHECKING:
    from clarion.channels.account import Account
    from clarion.channels.email.dkim import Signer
    from clarion.channels.email.settings import SmtpSettings
    from clarion.domain.rate import Rate
    from clarion.domain.suppression import SoftRule
    from clarion.flows.attaching import Allowed
    from clarion.flows.retention import What

#: Where mail goes when no SMTP server is configured and no catcher runs.
_NO_SMTP = "There is no SMTP server: set CLARION_SMTP_URL, e.g. smtp://user:password@host:587, or use `clarion up`."


async def pool_for(stack: AsyncExitStack, settings: Settings, url: str, process: str) -> Pool:
    """The connections of *process* (``api`` or ``worker``), to a durable database, whose clock it follows."""
    database = settings.database
    is_api = process == "api"
    timeout = database.statement_timeout if is_api else database.job_statement_timeout
    # A worker that is frozen for longer than its lease must not hold on to the rows of its jobs either.
    idle = timedelta(minutes=1) if is_api else min(settings.worker.lease, timedelta(minutes=1))
    pool = await open_pool(
        url,
        size=database.api_connections if is_api else database.worker_connections,
        statement_timeout_s=timeout.total_seconds(),
        idle_in_transaction_s=idle.total_seconds(),
        application_name=f"clarion {process}",
        statement_cache_size=database.statement_cache_size,
    )
    stack.push_async_callback(_close, pool)
    async with pool.acquire() as connection:
        await check_durable(connection, allow_unsafe=settings.unsafe_allow_fsync_off)
        clock.correct(await connection.fetchval("SELECT clock_timestamp()"))
    return pool


async def notifier_for(stack: AsyncExitStack, url: str) -> Notifier:
    """What rings for queues and hears others ring, over a connection of its own."""

    async def connect() -> asyncpg.Connection:
        connection = await asyncpg.connect(url, server_settings={"application_name": "clarion notifier"})
        await set_up(connection)
        return connection

    return await stack.enter_async_context(Notifier(connect))


def smtp_settings(settings: Settings) -> SmtpSettings:
    """How the SMTP server is spoken to: what the address says, over what the settings say.

    Raises `ConfigError` when there is none.
    """
    from clarion.channels.email.url import parse_smtp_url

    if settings.smtp_url is None:
        raise ConfigError(_NO_SMTP)
    url, email = settings.smtp_url.get_secret_value(), settings.email
    parsed = parse_smtp_url(url, from_domains=mail_domains(settings))
    timeouts = replace(
        parsed.timeouts, connect=email.connect_timeout, command=email.command_timeout, reply=email.reply_timeout
    )
    defaults = {"connections": email.connections, "messages_per_connection": email.messages_per_connection}
    absent = {name: value for name, value in defaults.items() if f"{name}=" not in url}
    if "_timeout=" not in url:
        absent["timeouts"] = timeouts  # type: ignore[assignment]
    return replace(parsed, **absent)  # type: ignore[arg-type]


def mail_domains(settings: Settings) -> frozenset[str]:
    """The domains that mail may be from: those that are listed, or else that of the sender who is set."""
    from clarion.channels.email.settings import usual_domain
    from clarion.domain.address import parse_sender

    listed = settings.email.from_domains
    if not listed and settings.email.sender:
        listed = (parse_sender(settings.email.sender)[1].rpartition("@")[2],)
    return frozenset(usual_domain(name) for name in listed)


def signer_of(settings: Settings) -> Signer | None:
    """What signs mails; None where there is no key."""
    if not settings.email.dkim:
        return None
    from clarion.channels.email.dkim import Signer

    return Signer(settings.email.dkim)


def routes_of(settings: Settings, channel: str) -> tuple[Route, ...]:
    """The routes of a channel (``sms``), their accounts by label, the last for all that no other takes.

    An account that is named alone, or is the only one there is, makes a route of its own; of push and chat, also
    several of which no two are of one kind: a device's token, or a chat, says which it is for. None where no account
    carries the channel:
    mail for which none is named goes to the SMTP server, where there is one.
    """
    fit = {account.name: account.label for account in settings.providers if account.kind.channel == channel}
    group = getattr(settings, channel)
    smtp = channel == Channel.EMAIL.value and settings.smtp_url is not None
    alone = tuple(fit) if channel in (Channel.PUSH.value, Channel.CHAT.value) else tuple(fit)[:1]
    own = group.providers or ((group.provider,) if group.provider else () if smtp else alone)
    routes = list(settings.routes.get(channel, ()))
    if own and (not routes or routes[-1].when is not None):
        routes.append(Route(accounts=own, name="no route's condition holds" if routes else ""))
    return tuple(replace(route, accounts=tuple(fit[name] for name in route.accounts)) for route in routes)


def accounts_of(settings: Settings, channel: str) -> list[Account]:
    """The accounts that carry the messages of a channel, in the order in which its routes name them."""
    labels = [label for route in reversed(routes_of(settings, channel)) for label in route.accounts]
    accounts = {account.label: account for account in settings.providers}
    return [accounts[label] for label in dict.fromkeys(labels)]


def smtp_server_of(settings: Settings) -> tuple[Account, ...]:
    """The SMTP server of `smtp_url` where it carries mail, as the account ``smtp``; none where one is called so."""
    from clarion.channels.account import Account
    from clarion.channels.email.smtp import SmtpProvider
    from clarion.channels.email.smtp_account import SMTP

    name, accounts = SmtpProvider.name, settings.providers
    if settings.smtp_url is None or accounts_of(settings, Channel.EMAIL) or any(one.name == name for one in accounts):
        return ()
    return (Account(name=name, kind=SMTP, values={"url": settings.smtp_url.get_secret_value()}, known_as=name),)


def servers_of(settings: Settings) -> dict[str, int]:
    """How many servers take the messages of each channel, so that one that hangs holds up its own share of the senders.

    Webhooks are many, of which some always hang.
    """
    channels = (Channel.EMAIL.value, Channel.SMS.value, Channel.PUSH.value, Channel.CHAT.value)
    many = {channel: max(1, len(accounts_of(settings, channel))) for channel in channels}
    return many | {Channel.WEBHOOK.value: 4}


def breaker_limits(settings: Settings) -> Limits:
    """When the breaker of an account opens, and for how long."""
    given = settings.breaker.model_dump()
    return Limits(**{**given, "failures": settings.breaker.failures / 100})


async def _close(pool: Pool) -> None:
    try:
        async with asyncio.timeout(10):
            await pool.close()
    except TimeoutError:
        pool.terminate()


def rates_of(settings: Settings) -> dict[str, Rate]:
    """The limits that settings set, by their names."""
    from clarion.domain.rate import together
    from clarion.flows.rates import category_pace, channel_pace, domain_pace, provider_pace, queue_pace

    found = {queue_pace(queue): rate for queue, rate in settings.rates.items()}
    found |= {category_pace(category): rate for category, rate in settings.category_rates.items()}
    found |= {domain_pace(name): one.rate for name, one in settings.email.domains.items() if one.rate is not None}
    own = {provider_pace(account.label): account.rate for account in settings.providers if account.rate is not None}
    for channel, labels in carriers_of(settings).items():
        rate, rates = getattr(settings, channel).rate, [own.get(provider_pace(label)) for label in labels]
        if len(labels) == 1 and rate is not None:
            found[provider_pace(labels[0])] = rate
        elif len(labels) > 1 and (rate := rate or together(rates)) is not None:
            found[channel_pace(channel)] = rate
    return found | own


def carriers_of(settings: Settings) -> dict[str, list[str]]:
    """The labels of the accounts that carry the messages of each queue, under which all workers share their limits and
    pauses; none where messages wait for one.
    """
    from clarion.channels.email.smtp import SmtpProvider
    from clarion.channels.webhook import WebhookProvider

    channels = (Channel.EMAIL, Channel.SMS, Channel.PUSH, Channel.CHAT)
    carriers = {channel.value: [account.label for account in accounts_of(settings, channel)] for channel in channels}
    carriers[Channel.WEBHOOK.value] = [WebhookProvider.name]
    return carriers if carriers[Channel.EMAIL] else {**carriers, Channel.EMAIL.value: [SmtpProvider.name]}


def soft_rule(settings: Settings) -> SoftRule:
    """When soft bounces suppress an address."""
    from clarion.domain.suppression import SoftRule

    own = settings.suppression
    return SoftRule(count=own.soft_bounces, window=own.soft_window, lasts=own.soft_lasts)


def allowed_of(settings: Settings) -> Allowed:
    """Which files triggers may name."""
    from clarion.flows.attaching import Allowed

    return Allowed(rules=rules_of(settings), guard=guard_of(settings))


def ages(settings: Settings) -> Mapping[What, timedelta]:
    """How long what is kept, by kind."""
    from clarion.flows.retention import What

    return {what: getattr(settings.retention, what.value) for what in What}
