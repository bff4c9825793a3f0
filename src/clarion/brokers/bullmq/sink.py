"""Adds jobs to queues of BullMQ."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import msgpack  # type: ignore[import-untyped]
import orjson

from clarion.brokers.base import Disconnected, Publication, Sink
from clarion.brokers.bullmq import scripts
from clarion.brokers.bullmq.connection import Connection
from clarion.brokers.bullmq.keys import Keys
from clarion.brokers.bullmq.worker import AT_ONCE
from clarion.domain.outcome import Outcome, Reject, Retry, Sent
from clarion.errors import ConfigError

#: Headers that are options of the job, and the most that each may be; `delay` in ms, `backoff` the same every time.
OPTIONS: Mapping[str, int] = {"delay": 2**48, "attempts": 2**31, "priority": 2_097_152, "backoff": 2**48}
#: How long everybody waits for a Redis that does not let us in.
_NOT_LET_IN = timedelta(seconds=60)
_WHOLE = re.compile(r"0|-?[1-9][0-9]*")


class BullMQSink(Sink):
    """Adds a job for each publication, once: its id makes the job's, and an id that is there already is left alone.

    So trying again is safe while BullMQ keeps the job, and nothing is ever uncertain: what may have been added and was
    not confirmed is a `Retry`. A producer whose jobs are removed when they complete may see one twice.
    """

    kind = "bullmq"

    def __init__(self, url: str, *, name: str = "clarion") -> None:
        """*name* is what Redis shows of the connection."""
        self._url = url
        self._name = name
        self._connection: Connection | None = None
        self._opening = asyncio.Lock()

    async def publish(self, publications: Sequence[Publication]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        queues: dict[Keys, list[tuple[int, tuple[Any, ...]]]] = {}
        for at, publication in enumerate(publications):
            job = _job(publication)
            if isinstance(job, Reject):
                outcomes[at] = job
            else:
                target = publication.target
                keys = Keys(target.get("prefix", "bull"), target["queue"])
                queues.setdefault(keys, []).append((at, job))
        for keys, jobs in queues.items():
            for some in range(0, len(jobs), AT_ONCE):
                page = jobs[some : some + AT_ONCE]
                outcomes |= zip([at for at, _ in page], await self._add(keys, [job for _, job in page]), strict=True)
        return [outcomes[at] for at in range(len(publications))]

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _add(self, keys: Keys, jobs: Sequence[tuple[Any, ...]]) -> list[Outcome]:
        try:
            connection = await self._open()
            arguments = [keys.base, _packed(jobs)]
            answers = msgpack.unpackb(await connection.run(scripts.ours("add"), keys.adding, arguments))
        except ConfigError as error:
            return [Retry(error.message, after=_NOT_LET_IN, pause_provider=True)] * len(jobs)
        except Disconnected as error:
            return [Retry(str(error))] * len(jobs)
        return [
            Sent(str(answer)) if isinstance(answer, str) else Reject(f"BullMQ does not add it: code {answer}")
            for answer in answers
        ]

    async def _open(self) -> Connection:
        async with self._opening:
            if self._connection is None or self._connection.lost is not None:
                self._connection = Connection(self._url, name=f"clarion:{self._name}:sink")
                await self._connection.open()
            return self._connection


def job_id(id: str) -> str:
    """An id of a job for that of a publication, different for different ones.

    BullMQ keeps whole numbers for ids of its own, and colons for keys.
    """
    escaped = id.replace("%", "%25").replace(":", "%3A")
    return f"%{ord(escaped[0]):02X}{escaped[1:]}" if _WHOLE.fullmatch(escaped) else escaped


def _job(publication: Publication) -> tuple[str, str, bytes, bytes] | Reject:
    """What `add.lua` takes."""
    target = publication.target
    if missing := [word for word in ("queue", "job") if not target.get(word)]:
        return Reject(f"a job needs a queue and a name: target has no {' and no '.join(missing)}", "invalid_target")
    if ":" in target["queue"]:
        return Reject(f"the name of a queue has no colon: {target['queue']!r}", "invalid_target")
    options: dict[str, Any] = {}
    for option in OPTIONS.keys() & publication.headers.keys():
        text = publication.headers[option]
        if not (text.isascii() and text.isdigit() and len(text) < 16 and int(text) <= OPTIONS[option]):
            return Reject(f"{option} is a whole number from 0 to {OPTIONS[option]}, not {text!r}", "invalid_option")
        options[option] = int(text)
    if options.get("backoff") is not None:
        options["backoff"] = {"type": "fixed", "delay": options["backoff"]}
    try:
        orjson.loads(publication.body)
    except orjson.JSONDecodeError as error:
        return Reject(f"the data of a job is JSON: {error}", "invalid_body")
    id = job_id(publication.id)
    return id, target["job"], publication.body, _packed({**options, "jobId": id})


def _packed(value: object) -> bytes:
    """In the MessagePack that Redis reads: it has one kind of strings."""
    packed: bytes = msgpack.packb(value, use_bin_type=False)
    return packed
