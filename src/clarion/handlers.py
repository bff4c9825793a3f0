"""Who does what in a worker: the handlers of all kinds of jobs, and what they stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from clarion.brokers.open_sink import Sinks
from clarion.channels.base import Provider
from clarion.channels.email.at_once import sparing
from clarion.channels.email.enclosing import Enclosing, enclose
from clarion.channels.email.smtp import SmtpProvider
from clarion.channels.open_provider import open_provider
from clarion.channels.sandbox import Sandboxed
from clarion.channels.webhook_caught import posting
from clarion.config import Settings, broker_url
from clarion.connections import (
    accounts_of,
    ages,
    allowed_of,
    breaker_limits,
    mail_domains,
    routes_of,
    signer_of,
    smtp_settings,
    soft_rule,
)
from clarion.domain.publishing import Patience
from clarion.domain.workflow import Channel
from clarion.flows import advance, callback, cancel, expand, publications, receipts, rows, schedules, snoozes, timers
from clarion.flows import hearing as hear
from clarion.flows.accounts import Accounts
from clarion.flows.act import Act
from clarion.flows.balance import Balance
from clarion.flows.bindings import Bindings
from clarion.flows.caps import Caps
from clarion.flows.chats import Chats
from clarion.flows.compose import (
    Compose,
    compose_chat,
    compose_email,
    compose_push,
    compose_sms,
    reach_devices,
)
from clarion.flows.compose_webhook import compose_webhook, reach_webhooks
from clarion.flows.contexts import Contexts
from clarion.flows.definitions import Definitions
from clarion.flows.deliver import Deliver
from clarion.flows.deliver_in_app import DeliverInApp
from clarion.flows.deliver_routed import DeliverRouted
from clarion.flows.deliver_webhooks import DeliverWebhooks
from clarion.flows.destinations import Destinations
from clarion.flows.do_runs import DoRuns
from clarion.flows.early_callbacks import EarlyCallbacks
from clarion.flows.enclosures import Enclosures
from clarion.flows.endpoints import Endpoints
from clarion.flows.fire import Fire
from clarion.flows.handover import Handover
from clarion.flows.hearing import Hearing
from clarion.flows.marks import Marks
from clarion.flows.publish import PublishAll
from clarion.flows.published import Published
from clarion.flows.react import React
from clarion.flows.receipts import AskReceipts
from clarion.flows.run_schedules import RunSchedules
from clarion.flows.slots import Slots
from clarion.flows.suppressed import Suppressed
from clarion.flows.system_schedules import Duties
from clarion.flows.verified import Verified
from clarion.project.attachments import guard_of, rules_of
from clarion.project.catcher import catching_of
from clarion.queue.late import Handler
from clarion.seals import offers_of, return_paths_of, tracking_of, vault_of, webhooks_of
from clarion.store.database import Pool
from clarion.turns import Turns

#: Puts what counts around a provider of a channel.
Metered = Callable[[Channel, Provider[Any]], Provider[Any]]
#: The channels on which where a message goes says whose account reaches it.
_MANY_KINDS = (Channel.PUSH, Channel.CHAT)


def build_handlers(
    stack: AsyncExitStack,
    settings: Settings,
    pool: Pool,
    wake: Callable[[str], None],
    worker: str,
    bindings: Bindings,
    hearing: Hearing,
    handover: Handover,
    marks: Marks,
    destinations: Destinations,
    endpoints: Endpoints,
    balancing: list[Balance],
    metered: Metered = lambda _, provider: provider,
) -> Mapping[str, Mapping[str, Handler]]:
    """Who does what: by queue, then by kind of job."""
    slots, published = Slots(), Published(default_locale=settings.default_locale)
    contexts = Contexts(published)
    turns, caps = Turns(), Caps(by_category=settings.caps, critical=settings.suppression.critical_categories)
    verified = Verified(categories=settings.suppression.verified_categories)
    expanding = expand.Expand(
        pool,
        published,
        page=settings.worker.expand_page,
        wake=wake,
        slots=slots,
        turns=turns,
        hearing=hearing,
        handover=handover,
        contexts=contexts,
        marks=marks,
        caps=caps,
        verified=verified,
    )
    advancing = advance.Advance(
        pool, published, wake=wake, slots=slots, hearing=hearing, marks=marks, caps=caps, verified=verified
    )
    suppressed = Suppressed(critical=settings.suppression.critical_categories, soft=soft_rule(settings))
    offers = offers_of(settings)
    given: dict[str, Any] = {"worker": worker, "slots": slots, "turns": turns}
    given |= {"hearing": hearing, "suppressed": suppressed}
    routed = partial(_routed, stack, settings, pool, contexts, balancing, wake, metered, **given)
    compose = compose_email(settings.email.sender or "", offers, tracking_of(settings))
    around = _around_mail(stack, settings, pool)
    email = routed(channel=Channel.EMAIL, compose=compose, destinations=destinations, around=around)
    sms = routed(channel=Channel.SMS, compose=compose_sms(offers))
    push = routed(channel=Channel.PUSH, compose=compose_push, reach=reach_devices)
    asked = push.askable if isinstance(push, DeliverRouted) else {}
    chat = routed(channel=Channel.CHAT, compose=compose_chat, reach=Chats(vault_of(settings)).reach)
    webhook = _webhooks(stack, settings, pool, contexts, metered, endpoints=endpoints, **given)
    in_app = DeliverInApp(pool, contexts, slots=slots, hearing=hearing, wake=wake)
    own = settings.publish
    sinks = Sinks(partial(broker_url, settings), endpoints=settings.webhooks, allowed=own.allow_networks)
    stack.push_async_callback(sinks.close)
    patience = Patience.of(own.attempts, own.first_wait, own.longest_wait)
    publishing = PublishAll(pool, sinks.get, patience=patience, slots=slots, hearing=hearing)
    act = Act(Definitions(), allowed_of(settings))
    scheduled = RunSchedules(pool, DoRuns(act), wake=wake, slots=slots)
    firing = Fire(pool, act, wake=wake, slots=slots, hear=hearing.timers, hearing=hearing)
    return {
        expand.QUEUE: {expand.KIND: expanding},
        Channel.EMAIL.value: {expand.KIND: expanding, rows.DELIVER: email},
        Channel.SMS.value: {expand.KIND: expanding, rows.DELIVER: sms},
        Channel.PUSH.value: {expand.KIND: expanding, rows.DELIVER: push},
        Channel.CHAT.value: {expand.KIND: expanding, rows.DELIVER: chat},
        Channel.WEBHOOK.value: {expand.KIND: expanding, rows.DELIVER: webhook},
        Channel.IN_APP.value: {expand.KIND: expanding, rows.DELIVER: in_app},
        rows.WAITING: {rows.ADVANCE: advancing},
        timers.QUEUE: {timers.KIND: firing},
        cancel.QUEUE: {
            cancel.KIND: cancel.SweepCancelled(pool, slots=slots),
            **Duties(pool, ages(settings), slots=slots).handlers,
        },
        schedules.QUEUE: {schedules.RUN: scheduled.run, schedules.RUN_NOW: scheduled.run_now},
        publications.QUEUE: {publications.KIND: publishing},
        callback.QUEUE: {
            callback.KIND: EarlyCallbacks(pool, slots=slots, hearing=hearing, soft=suppressed.soft),
            receipts.KIND: AskReceipts(pool, asked, slots=slots, hearing=hearing, soft=suppressed.soft),
        },
        snoozes.QUEUE: {snoozes.KIND: snoozes.Wake(pool, wake=wake, slots=slots, hearing=hearing)},
        hear.QUEUE: {hear.KIND: React(pool, bindings, act, wake=wake, slots=slots)},
    }


def _routed(
    stack: AsyncExitStack,
    settings: Settings,
    pool: Pool,
    contexts: Contexts,
    balancing: list[Balance],
    wake: Callable[[str], None],
    metered: Metered,
    *,
    channel: Channel,
    compose: Compose[Any],
    around: Callable[[Provider[Any]], Provider[Any]] = lambda provider: provider,
    **given: Any,
) -> Deliver[Any]:
    """What delivers the messages of *channel*: through accounts that carry it, or else as `_without_accounts` says.

    *around* is put around each provider.
    """
    deliver = partial(Deliver, pool, contexts, compose=compose, channel=channel, **given)
    delivers: dict[str, Deliver[Any]] = {}
    turns, paths = given["turns"], return_paths_of(settings)
    accounts = accounts_of(settings, channel.value)
    for account in accounts:
        provider = open_provider(
            channel.value,
            account,
            settings.public_url,
            from_domains=mail_domains(settings),
            signer=signer_of(settings),
            return_path=None if paths is None else paths.of,
            turns=turns,
        )
        stack.push_async_callback(provider.close)
        delivers[account.label] = deliver(provider=around(Sandboxed(metered(channel, provider))))
    if not delivers:
        stack.push_async_callback((provider := _without_accounts(settings, channel, turns)).close)
        return deliver(provider=around(Sandboxed(metered(channel, provider))))
    # One list more than the senders have, for the one that is kept for urgent jobs.
    known = Accounts(delivers, limits=breaker_limits(settings), places=settings.worker.senders + 1)
    usual = {"pool": pool, "contexts": contexts, "provider": provider, "compose": compose, "channel": channel}
    takes = {account.label: account.kind.name for account in accounts} if channel in _MANY_KINDS else None
    routes = routes_of(settings, channel.value)
    balance = Balance(channel.value, routes)
    if balance.is_asked:
        balancing.append(balance)
    own = balance if balance.is_asked else None
    return DeliverRouted(delivers, routes, known, takes=takes, balance=own, wake=wake, **usual, **given)


def _around_mail(stack: AsyncExitStack, settings: Settings, pool: Pool) -> Callable[[Provider[Any]], Provider[Any]]:
    """What gives mails their files before a provider gets them, and no more of them at once than their domains take."""
    files = Enclosures(pool, guard_of(settings), rules_of(settings), enclose)
    stack.push_async_callback(files.close)
    spare = sparing({name: one.at_once for name, one in settings.email.domains.items() if one.at_once is not None})
    return lambda provider: spare(Enclosing(provider, files.lend))


def _webhooks(
    stack: AsyncExitStack, settings: Settings, pool: Pool, contexts: Contexts, metered: Metered, **given: Any
) -> DeliverWebhooks:
    """What delivers to webhooks: each is a server of its own, so there is no account that carries them."""
    provider = Sandboxed(metered(Channel.WEBHOOK, posting(catching_of(settings), settings.webhook.allow_networks)))
    stack.push_async_callback(provider.close)
    return DeliverWebhooks(
        *(pool, contexts, provider, compose_webhook(webhooks_of(settings))),
        channel=Channel.WEBHOOK,
        reach=reach_webhooks,
        patience=settings.webhook.disable_after,
        **given,
    )


def _without_accounts(settings: Settings, channel: Channel, turns: Turns) -> Provider[Any]:
    """What carries a channel that no account does: the SMTP server, or what lets its messages wait."""
    if channel is Channel.EMAIL and settings.smtp_url is not None:
        paths = return_paths_of(settings)
        back = None if paths is None else paths.of
        return SmtpProvider(smtp_settings(settings), turns=turns, signer=signer_of(settings), return_path=back)
    return open_provider(channel.value, None)
