"""One thing wrong in a project folder or among the settings, told so that it can be put right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a mistake stands in the way."""

    ERROR = "error"  #: nothing can be published, nothing is started
    WARNING = "warning"  #: it works, but probably not as meant


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What is wrong, where, and how to put it right."""

    #: The file as seen from the project folder, with forward slashes; for a setting the name of its variable or flag.
    file: str
    #: Both count from 1; None means the whole file.
    line: int | None = None
    column: int | None = None
    #: What is wrong and why.
    message: str
    #: How to put it right, e.g. ``did you mean `priority`?``.
    hint: str | None = None
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        """One line as compilers write it, which editors can follow: ``file:line:column: message; hint``."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        kind = "" if self.severity is Severity.ERROR else f" {self.severity.value}:"
        return f"{place}:{kind} {self.message}" + (f"; {self.hint}" if self.hint else "")

    def to_json(self) -> dict[str, object]:
        """As ``clarion check --json`` shows it."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "severity": self.severity.value,
            "message": self.message,
            "hint": self.hint,
        }


def in_order(mistakes: Iterable[Mistake]) -> list[Mistake]:
    """*mistakes* by file and place, each once."""
    return sorted(set(mistakes), key=lambda m: (m.file, m.line or 0, m.column or 0, m.message))


def any_error(mistakes: Iterable[Mistake]) -> bool:
    """Whether one of *mistakes* stands in the way."""
    return any(mistake.severity is Severity.ERROR for mistake in mistakes)
