"""One thing that `doctor` looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How it is."""

    OK = "ok"
    WARN = "warn"  #: it works, but probably not as meant
    FAIL = "fail"  #: Clarion does not work like this


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, how it is, and how to put it right."""

    what: str
    level: Level
    #: What was found, and where it is not as it should be, why that matters.
    says: str
    how: str | None = None

    def to_json(self) -> dict[str, object]:
        """As ``clarion doctor --json`` shows it."""
        return {"what": self.what, "level": self.level.value, "says": self.says, "how": self.how}


def ok(what: str, says: str) -> Finding:
    """All is well with *what*."""
    return Finding(what=what, level=Level.OK, says=says)


def warn(what: str, says: str, how: str) -> Finding:
    """*what* is probably not as meant."""
    return Finding(what=what, level=Level.WARN, says=says, how=how)


def fail(what: str, says: str, how: str) -> Finding:
    """Clarion does not work until *what* is put right."""
    return Finding(what=what, level=Level.FAIL, says=says, how=how)
