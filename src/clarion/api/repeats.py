"""A POST that comes again under its Idempotency-Key: it is done once, and answered again as it was the first time.

What an operation does and its answer are written in one transaction, on one connection, behind a lock on the key: a
process that dies has either done it and kept the answer, or neither, and no claim of the dead is left. Operations that
reach past the database claim the key in a row of its own first; such a claim runs out.

Only what took effect (2xx) is kept, for `LIFE`, and sealed as secrets of others are: an answer may tell one.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import zlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, Final, cast

import orjson
from starlette.responses import Response

from clarion.api.idempotency import Once
from clarion.api.operation import JSON_OPTIONS, Answer, Call, Operation
from clarion.api.services import Services
from clarion.domain.vault import NONCE
from clarion.errors import Conflict
from clarion.store import answers
from clarion.store.answers import Keyed
from clarion.store.database import AWAY, Connection, Pool

#: How long an answer is kept.
LIFE: Final = timedelta(days=1)
#: How long whoever claimed a key may be at work; whoever dies meanwhile blocks it for no longer.
LEASE: Final = timedelta(minutes=2)
#: Bodies above this are read and hashed in a thread, so that others are answered meanwhile.
_LARGE: Final = 256 * 1024


def once(operation: Operation[Any]) -> Operation[Any]:
    """*operation*, with heed of the Idempotency-Key where that is not its own business."""
    if operation.method != "POST" or not operation.once.keeps:
        return operation
    return replace(operation, run=partial(_run, operation))


async def _run(operation: Operation[Any], services: Services, call: Call[Any]) -> Answer | Response:
    if call.idempotency_key is None:
        return await operation.run(services, call)
    way = _claimed if operation.once is Once.CLAIMED else _together
    if not operation.raw:
        return await way(operation, services, call, await _keyed(operation, call))
    async with services.uploads:  # the body is in memory whole from here on
        within = replace(services, uploads=asyncio.Semaphore(1))
        return await way(operation, within, call, await _keyed(operation, call))


async def _together(operation: Operation[Any], services: Services, call: Call[Any], request: Keyed) -> Answer:
    """Do it in one transaction with keeping its answer."""
    rung: list[str] = []
    async with services.transaction() as connection:
        if (kept := await _find(services, connection, request)) is not None:
            return kept
        within = replace(services, pool=cast(Pool, _Lent(connection)), wake=rung.append)
        answered = await _answer(operation, within, call)
        await answers.keep(connection, request, _sealed(services, request, answered), LIFE)
    for queue in dict.fromkeys(rung):  # whoever is woken must see what was done
        services.wake(queue)
    return answered


async def _claimed(operation: Operation[Any], services: Services, call: Call[Any], request: Keyed) -> Answer:
    """Claim the key, do it, and keep the answer."""
    async with services.transaction() as connection:
        if (kept := await _find(services, connection, request)) is not None:
            return kept
        claim = await answers.claim(connection, request, LEASE)
    try:
        answered = await _answer(operation, services, call)
    except Exception:
        with suppress(*AWAY):  # then it runs out
            async with services.connection() as connection:
                await answers.release(connection, request, claim)
        raise
    async with services.connection() as connection:
        await answers.settle(connection, request, claim, _sealed(services, request, answered), LIFE)
    return answered


async def _answer(operation: Operation[Any], services: Services, call: Call[Any]) -> Answer:
    answered = await operation.run(services, call)
    assert isinstance(answered, Answer), "what is kept has an end"
    assert answered.status < 300, "what came to nothing is raised, so that nothing is kept of it"
    return answered


async def _find(services: Services, connection: Connection, request: Keyed) -> Answer | None:
    """What was answered before, if it was; from here on nobody else uses the key. Raises `Conflict`."""
    if not await answers.lock(connection, request):
        raise _in_flight()
    row = await answers.find(connection, request)
    if row is None:
        return None
    if row["request_hash"] != request.hash:
        raise Conflict("This Idempotency-Key was used with another request.", code="idempotency_mismatch")
    if row["answer"] is None:
        raise _in_flight()
    said = services.vault.open(request.tenant_id, _about(request), row["answer"])
    if said is None:
        text = "This was done, but its answer was sealed under a secret that is not there any more: look what is there."
        raise Conflict(text, code="answer_lost")
    status, headers, content = orjson.loads(zlib.decompress(said))
    return Answer(content=content, status=status, headers={**headers, "Idempotency-Replayed": "true"})


def _in_flight() -> Conflict:
    return Conflict("A request with this Idempotency-Key is being answered just now.", code="idempotency_in_flight")


def _sealed(services: Services, request: Keyed, answer: Answer) -> bytes:
    said = orjson.dumps([answer.status, answer.headers, answer.content], option=JSON_OPTIONS)
    small = zlib.compress(said, level=1)  # what a bulk route says of thousands of items is much the same of each
    return services.vault.seal(request.tenant_id, _about(request), small, nonce=os.urandom(NONCE))


def _about(request: Keyed) -> str:
    return f"answer|{request.caller}|{request.key}"


async def _keyed(operation: Operation[Any], call: Call[Any]) -> Keyed:
    body = await call.request.body()
    hash = partial(_hash, operation, call, body)
    assert call.idempotency_key is not None
    return Keyed(
        tenant_id=call.tenant_id,
        caller=call.path["id"] if operation.own else "",
        key=call.idempotency_key,
        hash=hash() if len(body) <= _LARGE else await asyncio.to_thread(hash),
    )


def _hash(operation: Operation[Any], call: Call[Any], body: bytes) -> bytes:
    """The same for requests that say the same, whatever the order of keys and the spaces in their bodies."""
    scope = call.request.scope
    where = f"{operation.method} {scope['path']}?".encode() + scope["query_string"]
    if operation.raw:
        said = (call.header("content-type") or "").encode() + b"\0" + body
    else:
        said = orjson.dumps(orjson.loads(body or b"{}"), option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(where + b"\0" + said).digest()


class _Lent:
    """Stands in for a pool: all who want a connection get the one whose transaction is open."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def acquire(self, *, timeout: float | None = None) -> AbstractAsyncContextManager[Connection]:
        """As of a pool; nothing is waited for."""
        return self._lend()

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Connection]:
        yield self._connection
