"""Messages for brokers and endpoints, written down in the transaction of what caused them (an outbox).

Each is a job with all it needs in its arguments: it goes out if and only if its cause has committed, even when the
settings, the binding or the timer that made it are gone by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from clarion import clock, ids
from clarion.domain.action import Publish
from clarion.queue import add
from clarion.queue.add import Alike
from clarion.store.database import Connection

QUEUE = "publish"
KIND = "publish"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPublication:
    """A message that is to go out."""

    tenant_id: UUID
    #: What receivers tell repeats by: the same if its cause is ever handled again.
    id: str
    publish: Publish
    #: Whether it is recorded, and handed to nobody.
    sandbox: bool = False


async def add_publications(connection: Connection, publications: Sequence[NewPublication]) -> set[str]:
    """Write all of them in the caller's transaction; the queues to ring for after the commit.

    Not idempotent: whoever calls it has made sure that the cause is handled once.
    """
    if not publications:
        return set()
    # When they were caused, not when they are tried: a body that tells it is the same at every attempt.
    at = clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    made = zip(ids.new_many(len(publications)), publications, strict=True)
    jobs = [Alike(id, one.tenant_id, _args(one, at)) for id, one in made]
    await add.add_alike(connection, queue=QUEUE, kind=KIND, jobs=jobs)
    return {QUEUE}


def _args(publication: NewPublication, at: str) -> dict[str, Any]:
    """What a worker needs, and people see in the job; what is absent is left out."""
    publish = publication.publish
    args: dict[str, Any] = {"id": publication.id, "kind": publish.kind}
    if publish.broker is not None:
        args["broker"] = publish.broker
    if publish.target:
        args["target"] = publish.target
    if publish.headers:
        args["headers"] = publish.headers
    if publication.sandbox:
        args["sandbox"] = True
    args["at"] = at
    args["body"] = publish.body
    return args
