"""Every error that Clarion raises on purpose.

    ClarionError
    ├── Invalid            the caller's data is wrong; carries every fault found
    │   ├── BadId
    │   └── Conflict       the request contradicts what is stored
    ├── NotFound           no such thing for this tenant
    ├── Unavailable        a part that is needed is away; trying again later may help
    ├── ConfigError        settings or the project folder cannot be used
    ├── LostLease          somebody else holds this job now
    └── Forged             what came does not come from whom it claims, or not just now

A message says what is wrong, why, and how to put it right. The HTTP API turns each into a problem document
(RFC 9457), the command line into a line and an exit code; neither invents words of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in one place of the input."""

    #: Where: a JSON pointer (RFC 6901) such as ``/recipients/3/email``, or "" for the whole.
    pointer: str
    detail: str
    #: A stable word for programs, e.g. ``invalid_email``.
    code: str = "invalid"


class ClarionError(Exception):
    """The base of all errors that Clarion raises on purpose."""

    #: A stable word for programs.
    code = "error"

    def __init__(self, message: str | None = None, *, code: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or "").strip().split("\n")[0])
        if code is not None:
            self.code = code

    @property
    def message(self) -> str:
        return str(self.args[0])


class Invalid(ClarionError):
    """The data given cannot be used."""

    code = "invalid"

    def __init__(self, message: str | None = None, *, code: str | None = None, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message, code=code)
        self.faults = tuple(faults)


class BadId(Invalid):
    """This is not an id of the kind expected here."""

    code = "invalid_id"


class Conflict(Invalid):
    """What is asked for contradicts what is stored."""

    code = "conflict"


class NotFound(ClarionError):
    """There is no such thing."""

    code = "not_found"


class Unavailable(ClarionError):
    """A part that is needed is away; trying again later may help."""

    code = "unavailable"


class ConfigError(ClarionError):
    """Settings or the project folder cannot be used."""

    code = "config"


class LostLease(ClarionError):
    """Somebody else holds this job now; what was done with it must not be recorded as ours."""

    code = "lost_lease"

    def __init__(self, jobs: Collection[UUID] = ()) -> None:
        super().__init__()
        #: The ids of the jobs that are no longer ours.
        self.jobs = frozenset(jobs)


class Forged(ClarionError):
    """What came does not come from whom it claims, or not just now: nothing of it may be believed."""

    code = "forged"
