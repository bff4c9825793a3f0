"""What a running system answered instead of doing it, told as what, why and how to put it right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clarion.errors import ClarionError

#: By code: what helps. A problem whose own words say how is not here.
_HOW = {
    "unauthorized": "give a key with --api-key or CLARION_API_KEY; `clarion keys create` makes one.",
    "forbidden": "use another key; `clarion keys create --scope …` makes one that may.",
    "unavailable": "try again; `clarion doctor` looks for the cause.",
    "internal": "look into the log of the API for this request.",
    "unknown_recipient": "describe them (--to name@example.com), or bring them with `clarion recipients import`.",
    "unknown_topic": "create it with `clarion topics put KEY`.",
    "idempotency_mismatch": "give another --idempotency-key.",
}


class Refused(ClarionError):
    """The API refused, with a problem document (RFC 9457)."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(str(problem.get("detail") or f"The API answered {status}."), code=problem.get("code"))
        self.status = status
        self.problem = problem

    @property
    def exit_code(self) -> int:
        """3 for what is not there, 4 for what is not allowed, 5 for what may work later, else 1."""
        if self.status in (401, 403):
            return 4
        if self.status == 404:
            return 3
        return 5 if self.status >= 500 or self.status == 429 else 1

    def lines(self) -> list[str]:
        """What, why and how, a line each."""
        title = str(self.problem.get("title") or f"HTTP status {self.status}")
        faults = [f"{fault.get('pointer')}: {fault.get('detail')}" for fault in self.problem.get("errors") or []]
        why = [self.message, *(fault for fault in faults if not fault.endswith(self.message))]
        said = [f"clarion: {title} ({self.status})", f"  why: {why[0]}", *(f"       {line}" for line in why[1:])]
        if how := _HOW.get(self.code):
            said.append(f"  how: {how}")
        if id := self.problem.get("request_id"):
            said.append(f"  request: {id}")
        return said


class Unauthorised(ClarionError):
    """There is no API key to ask with."""

    code = "unauthorized"
