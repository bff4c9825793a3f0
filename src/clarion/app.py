"""The composition root: settings in, a running process out. The only file that picks adapters.

A process opens its parts on one exit stack, so that they close in the reverse order. Imports that only one kind of
process needs stand inside its function: a worker never loads the HTTP framework.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from clarion import ids
from clarion.config import Settings, secret_of
from clarion.connections import (
    ages,
    carriers_of,
    notifier_for,
    pool_for,
    rates_of,
    servers_of,
    smtp_server_of,
    soft_rule,
)
from clarion.domain.workflow import Channel
from clarion.errors import ConfigError
from clarion.project.attachments import taken_in
from clarion.queue.notify import Notifier
from clarion.store.database import Pool
from clarion.trial import opening
from clarion.wires import DATABASE, refuse

if TYPE_CHECKING:
    from clarion.api.server import ApiServer
    from clarion.worker.metrics import Meter
    from clarion.worker.service import Worker


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[str]:
    """The address of the database: the one configured, or the embedded one, started or joined for as long as needed.

    Raises `ConfigError` where the one configured would be spoken to in the clear, and nothing allows that.
    """
    if settings.database_url is not None:
        refuse(settings, only=DATABASE)
        yield settings.database_url.get_secret_value()
        return
    from clarion.dev.postgres import EmbeddedPostgres

    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    embedded = EmbeddedPostgres(settings.data_dir)
    url = await embedded.start()
    try:
        yield url
    finally:
        await embedded.stop()


@asynccontextmanager
async def open_api(settings: Settings, url: str) -> AsyncIterator[ApiServer]:
    """An API server on its port, ready to `run`."""
    from clarion.api.app import build_api
    from clarion.api.bounds import bounds_of
    from clarion.api.server import ApiServer
    from clarion.api.services import Services
    from clarion.channels.kinds import kinds
    from clarion.channels.open_provider import open_callbacks
    from clarion.flows.bindings import Bindings
    from clarion.flows.caps import Caps
    from clarion.flows.hearing import Hearing
    from clarion.flows.verified import Verified
    from clarion.inbox.live import Live

    async with AsyncExitStack() as stack:
        pool = await pool_for(stack, settings, url, "api")
        notifier = await notifier_for(stack, url)
        live = await stack.enter_async_context(Live(pool, notifier))
        integrations = open_callbacks(settings.providers)
        for believes in integrations.values():
            stack.push_async_callback(believes.close)
        services = Services(
            pool=pool,
            secret=secret_of(settings).encode(),
            wake=notifier.ring,
            live=live,
            **taken_in(settings),
            **bounds_of(settings.api, settings.feed),
            ages=ages(settings),
            accounts=(*settings.providers, *smtp_server_of(settings)),
            open_account=opening(settings),
            integrations=integrations,
            kinds=kinds(),
            carriers=carriers_of(settings),
            public_url=settings.public_url or "",
            critical=settings.suppression.critical_categories,
            caps=Caps(by_category=settings.caps, critical=settings.suppression.critical_categories),
            verified=Verified(categories=settings.suppression.verified_categories),
            old_secrets=[one.get_secret_value().encode() for one in settings.suppression.old_secrets],
            soft=soft_rule(settings),
            machine_within=settings.tracking.machine_within,
            hearing=Hearing(Bindings(pool), wake=notifier.ring),
            access_log=settings.log_level == "debug",
        )
        yield ApiServer(build_api(services), host=settings.host, port=settings.port, closing=services.closing)


@asynccontextmanager
async def open_worker(settings: Settings, url: str) -> AsyncIterator[Worker]:
    """A worker with a consumer for each of its queues and all duties, ready to `run`."""
    async with AsyncExitStack() as stack:
        pool = await pool_for(stack, settings, url, "worker")
        notifier = await notifier_for(stack, url)
        yield await _build_worker(stack, settings, pool, notifier)


async def _build_worker(stack: AsyncExitStack, settings: Settings, pool: Pool, notifier: Notifier) -> Worker:
    from dataclasses import replace

    from clarion.doors import open_doors, open_sources
    from clarion.flows import balance, timers
    from clarion.flows.balance import Balance
    from clarion.flows.bindings import Bindings
    from clarion.flows.destinations import EVERY, Destinations
    from clarion.flows.endpoints import Endpoints
    from clarion.flows.handover import Handover
    from clarion.flows.hearing import Hearing
    from clarion.flows.marks import KINDS, Marks
    from clarion.flows.queues import meant
    from clarion.flows.rates import WEBHOOK, paces_of, set_rates
    from clarion.handlers import build_handlers
    from clarion.queue.workers import SIGN_EVERY
    from clarion.worker.consumer import Consumer
    from clarion.worker.duties import duties
    from clarion.worker.gate import Gate
    from clarion.worker.pace import Pace
    from clarion.worker.periodic import Periodic
    from clarion.worker.presence import Presence
    from clarion.worker.rates import Rates
    from clarion.worker.service import Worker

    name = f"{socket.gethostname()}-{os.getpid()}-{ids.new().hex[-6:]}"
    bindings = Bindings(pool)
    await bindings.refresh()
    hearing = Hearing(bindings, wake=notifier.ring)
    handover = Handover(name, settings.worker.lease)
    known = marks, destinations, endpoints = Marks(), Destinations(), Endpoints()
    balancing: list[Balance] = []
    given = (settings, pool, notifier.ring, name, bindings, hearing, handover)
    meter = _meter(stack, settings)
    handlers = build_handlers(stack, *given, *known, balancing, *([meter.around] if meter else []))
    wanted = meant(settings.worker.queues) or tuple(handlers)
    if unknown := sorted(set(wanted) - set(handlers)):
        raise ConfigError(f"There are no queues called {', '.join(unknown)}: there are {', '.join(sorted(handlers))}.")
    pace = Pace(
        claim=settings.worker.claim_size,
        batch=min(settings.worker.intent_size, settings.worker.claim_size),
        senders=settings.worker.senders,
        lease=settings.worker.lease,
        poll=settings.worker.poll_interval,
    )
    # Firing is all the database's work: long lists, few at a time; and few claims, for where all are due at once each
    # wades through what the ones before it took.
    paces = {timers.QUEUE: replace(pace, claim=4_000, batch=1_000, senders=2)}
    # Where there are several accounts, one that hangs holds up its own share of the senders, and the others' go on.
    for channel, many in servers_of(settings).items():
        paces[channel] = replace(pace, senders=pace.senders * many)

    def told(named: frozenset[str]) -> None:
        for one in known:
            one.learn(named)

    limited = {queue: paces_of(queue, carriers_of(settings)) for queue in wanted}
    rates = Rates(pool, chain.from_iterable(limited.values()), kinds=KINDS, apart=[WEBHOOK], told=told)
    await set_rates(pool, rates_of(settings), tenants=settings.tenant_rates)
    await rates.run_once()
    consumers = []
    for queue in wanted:
        taken = replace(paces.get(queue, pace), at_once=settings.concurrency.get(queue))
        gate = Gate(pool, rates, limited[queue], most=taken.claim, missing=marks.missing, apart=queue == WEBHOOK)
        called = notifier.subscribe(queue)
        does = handlers[queue]
        if meter is not None:
            gate.asked, does = meter.asked, {kind: meter.timed(queue, one) for kind, one in does.items()}
        consumers.append(Consumer(pool, queue, does, worker=name, pace=taken, called=called, gate=gate))
    handover.takers = {consumer.queue: consumer for consumer in consumers if consumer.queue in tuple(Channel)}
    presence = Presence(pool, name, host=socket.gethostname(), pid=os.getpid(), queues=wanted)
    stack.push_async_callback(presence.leave)
    signs = Periodic("presence", SIGN_EVERY, presence.run_once)
    limiting = Periodic("rates", timedelta(seconds=1), rates.run_once)
    patience = [Periodic("destinations", EVERY, partial(one.run_once, pool)) for one in (destinations, endpoints)]
    weighing = [Periodic("balance", balance.EVERY, partial(one.run_once, pool)) for one in balancing]
    noticing = Periodic("bindings", timedelta(seconds=2), bindings.run_once)
    sources = open_sources(settings, pool, notifier.ring, name, bindings, hearing) if settings.worker.sources else None
    doors, looks = open_doors(settings, pool, notifier.ring, hearing) if settings.worker.bounces else ([], [])
    own = [signs, noticing, limiting, *patience, *looks, *weighing]
    return Worker(
        name,
        consumers,
        [*own, *duties(pool, notifier.ring, hearing, lease=settings.worker.lease)],
        sources,
        doors,
    )


def _meter(stack: AsyncExitStack, settings: Settings) -> Meter | None:
    """What counts the work of this process, where somebody is to ask."""
    if not settings.worker.metrics_port:
        return None
    from clarion.worker.metrics import Exposed, Meter

    meter = Meter()
    stack.callback(Exposed(meter, settings.worker.metrics_host, settings.worker.metrics_port).close)
    return meter


def pepper(settings: Settings) -> bytes:
    """What API keys are hashed under."""
    from clarion.api.services import pepper_of

    return pepper_of(secret_of(settings).encode())
