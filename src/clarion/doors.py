"""By what others come to a worker: brokers whose messages are taken in, and mails that come back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from clarion.config import Settings, broker_url
from clarion.connections import allowed_of, soft_rule
from clarion.seals import return_paths_of

if TYPE_CHECKING:
    from clarion.flows.bindings import Bindings
    from clarion.flows.hearing import Hearing
    from clarion.store.database import Pool
    from clarion.worker.periodic import Periodic
    from clarion.worker.service import Door
    from clarion.worker.sources import Sources


def open_sources(
    settings: Settings, pool: Pool, wake: Callable[[str], None], worker: str, bindings: Bindings, hearing: Hearing
) -> Sources:
    """What comes in from brokers, as the published bindings say."""
    from clarion.brokers.open_source import new_source
    from clarion.flows.act import Act
    from clarion.flows.definitions import Definitions
    from clarion.flows.follow import Follow
    from clarion.flows.ingest import Ingest
    from clarion.worker.sources import Sources

    ingest = Ingest(pool, Act(Definitions(), allowed_of(settings)), worker=worker, wake=wake)
    make = partial(new_source, url_of=partial(broker_url, settings), worker=worker)
    return Sources(pool, bindings, ingest, make, follow=Follow(pool, hearing), worker=worker)


def open_doors(
    settings: Settings, pool: Pool, wake: Callable[[str], None], hearing: Hearing
) -> tuple[list[Door], list[Periodic]]:
    """What reads mails that came back: what listens for them, and what looks into a mailbox.

    Raises `ConfigError` where the listener's certificate cannot be used.
    """
    from clarion.channels.bounces.idle import Idle
    from clarion.channels.bounces.imap import Poller
    from clarion.channels.bounces.listener import Listener
    from clarion.channels.bounces.mailbox import parse_imap_url
    from clarion.flows.reception import Reception
    from clarion.flows.returned import TakeReturned
    from clarion.smtp.encryption import Certificate
    from clarion.worker.periodic import Periodic

    paths, own = return_paths_of(settings), settings.bounces
    if paths is None:
        return [], []
    take = TakeReturned(Reception(pool, wake=wake, hearing=hearing, soft=soft_rule(settings)))
    doors: list[Door] = []
    looks = []
    if own.listen is not None:
        files = own.tls_certificate, own.tls_key
        certificate = Certificate(files[0], files[1]) if files[0] and files[1] else None
        limits = {"max_size": own.max_size, "rate": own.rate}
        doors.append(Listener(paths, take, at=own.listen, certificate=certificate, **limits))
    if own.imap_url is not None:
        mailbox = parse_imap_url(own.imap_url.get_secret_value(), done=own.imap_done)
        idle = Idle(mailbox, Poller(mailbox, paths, take, max_size=own.max_size).run_once, again=own.imap_every)
        doors.append(idle)
        looks.append(Periodic("mailbox", own.imap_every, idle.run_once))
    return doors, looks
