"""The files that an action names, as JSON: read with the rules and the error codes of a trigger over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from clarion.domain.attachment import MOST_FILES, Reference, check_inline, check_type, digest_of
from clarion.domain.careful import escape
from clarion.errors import Fault, Invalid

_AT = "/attachments"
LONGEST_URL: Final = 2_000
#: Of a name, before what is not part of it has gone.
LONGEST_SAID: Final = 1_000


def read_files(files: object, faults: list[Fault]) -> list[Reference]:
    """The files that *files* names, each checked by itself; what is wrong is added to *faults*."""
    if not isinstance(files, list | tuple):
        faults.append(Fault(_AT, "must be an array", "type"))
        return []
    if len(files) > MOST_FILES:
        faults.append(Fault(_AT, f"at most {MOST_FILES} files; this has {len(files)}", "too_many"))
        return []
    read = (_read_one(one, f"{_AT}/{index}", faults) for index, one in enumerate(files))
    return [one for one in read if one is not None]


def _read_one(one: object, at: str, faults: list[Fault]) -> Reference | None:
    if not isinstance(one, Mapping):
        faults.append(Fault(at, "must be an object", "type"))
        return None
    before = len(faults)
    given: dict[str, str] = {}
    for key, value in one.items():
        shown = str(key)[:64].encode("utf-8", "backslashreplace").decode()
        place = f"{at}/{escape(shown)}"
        if key not in CHECKS:
            faults.append(Fault(place, f"there is no field `{shown}` here", "unknown_field"))
        elif value is not None and not isinstance(value, str):
            faults.append(Fault(place, "must be a string", "type"))
        elif value is not None:
            try:
                CHECKS[key](value)
                given[key] = value
            except Invalid as error:
                faults.append(Fault(place, error.message, error.code))
    if len(faults) == before and ("id" in given) == ("url" in given):
        faults.append(Fault(at, "give either `id` or `url`", "missing"))
    return Reference(**given) if len(faults) == before else None


def _length(longest: int, *, shortest: int = 0) -> Callable[[str], object]:
    def check(text: str) -> None:
        if len(text) < shortest:
            raise Invalid("must not be empty", code="too_short")
        if len(text) > longest:
            raise Invalid(f"must have at most {longest} characters", code="too_long")

    return check


#: What is wrong with each of their fields by itself, as `Invalid`.
CHECKS: Mapping[str, Callable[[str], object]] = {
    "id": digest_of,
    "url": _length(LONGEST_URL),
    "name": _length(LONGEST_SAID, shortest=1),
    "inline": check_inline,
    "type": check_type,
}
