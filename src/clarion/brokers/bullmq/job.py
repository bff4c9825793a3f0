"""A job as BullMQ keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgpack  # type: ignore[import-untyped]
import orjson

#: What a job has when it stalled too often for some worker of its queue.
STALLED_TOO_OFTEN = "job stalled more than allowable limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job that is active, and whose lock is ours."""

    id: str
    #: The lock's.
    token: str
    #: None when the job's own key is gone: it was removed or evicted while its id was waiting.
    name: str | None
    #: JSON.
    data: bytes
    options: Mapping[str, Any]
    #: Milliseconds of the time when it was added, as its producer says.
    timestamp: int
    #: How often it has failed, or was put off by its worker: not how often its worker was lost.
    attempts_made: int
    #: How often it was taken up.
    starts: int
    priority: int
    #: Why it must fail without being tried, if it must.
    doomed: str | None
    #: Whether a job scheduler made it: BullMQ's own workers make the next one then.
    scheduled: bool

    @property
    def delivery_id(self) -> str:
        """The same when it is taken up again after its worker was lost, another when somebody has it tried again.

        Numbers begin at 1 again in a Redis that was flushed, and an id of the producer's own can be used again when its
        job is gone: so the time when it was added belongs to it.
        """
        again = f"/{self.attempts_made}" if self.attempts_made else ""
        return f"{self.id}@{self.timestamp}{again}"

    def headers(self) -> dict[str, str]:
        """What else is known of it, in BullMQ's words."""
        return {
            "jobId": self.id,
            "timestamp": str(self.timestamp),
            "priority": str(self.priority),
            "attempts": str(_whole(self.options.get("attempts"))),
            "attemptsMade": str(self.attempts_made),
        }

    def ending(self, remove: str) -> bytes:
        """The options of moveToFinished; *remove* is the name of the option that says how many such jobs to keep."""
        options = self.options
        packed: bytes = msgpack.packb(
            {
                "token": self.token,
                "keepJobs": _kept(options.get(remove)),
                "attempts": _whole(options.get("attempts")),
                "maxMetricsSize": "",
                "fpof": bool(options.get("fpof")),
                "cpof": bool(options.get("cpof")),
                "idof": bool(options.get("idof")),
                "rdof": bool(options.get("rdof")),
            }
        )
        return packed


def read(id: bytes, token: str, flat: Sequence[bytes]) -> Job:
    """The job *id* from the fields of its hash, one after the other with their values."""
    fields = dict(zip(flat[::2], flat[1::2], strict=True))
    name = fields.get(b"name")
    doomed = fields.get(b"defa")
    return Job(
        id=id.decode(errors="replace"),
        token=token,
        name=None if name is None else name.decode(errors="replace"),
        data=fields.get(b"data", b""),
        options=_options(fields.get(b"opts", b"{}")),
        timestamp=_whole(fields.get(b"timestamp")),
        attempts_made=_whole(fields.get(b"atm")),
        starts=_whole(fields.get(b"ats")),
        priority=_whole(fields.get(b"priority")),
        scheduled=b"rjk" in fields,
        doomed=None if doomed is None else doomed.decode(errors="replace"),
    )


def refusal(job: Job, names: Sequence[str]) -> str | None:
    """Why a worker for *names*, where none is all, cannot take *job*, if it cannot."""
    if job.doomed is not None and job.doomed != STALLED_TOO_OFTEN:
        return job.doomed
    if job.name is None:
        return "its data is not in Redis any more: it was removed, or evicted, while it was waiting"
    if names and job.name not in names:
        expected = ", ".join(f"'{name}'" for name in names)
        return f"no job of the name '{job.name}' is expected in this queue, only {expected}"
    return None


def _options(text: bytes) -> Mapping[str, Any]:
    try:
        options = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return options if isinstance(options, dict) else {}


def _kept(remove: object) -> dict[str, Any]:
    """How many finished jobs to keep, as `moveToFinished` wants it: -1 is all."""
    if isinstance(remove, bool) or remove is None:
        return {"count": 0 if remove else -1}
    if isinstance(remove, int | float):
        return {"count": int(remove)}
    if isinstance(remove, dict):
        return remove
    return {"count": -1}


def _whole(value: object) -> int:
    try:
        return int(float(value))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return 0
