"""From the `publish` of a binding, a timer or a schedule to the message that goes out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from uuid import UUID

from clarion.domain.action import TARGETS, Publish
from clarion.domain.identifier import check_reference
from clarion.domain.storable import pack
from clarion.domain.suggest import did_you_mean, one_of
from clarion.errors import Fault, Invalid
from clarion.flows.publications import NewPublication

#: Characters of one part of a target, and of a header's value.
_LONGEST = 1_000


def read(tenant_id: UUID, publish: Publish, cause: str, *, sandbox: bool = False) -> NewPublication:
    """The message that *publish* sends because of *cause*: its id is the same whenever it is read.

    In a *sandbox* it is handed to nobody. Raises `Invalid` with every fault.
    """
    faults = list(_faults(publish))
    if faults:
        said = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults)
        codes = {fault.code for fault in faults}
        raise Invalid(said, code=codes.pop() if len(codes) == 1 else "invalid", faults=faults)
    id = publish.id or id_of(tenant_id, cause)
    return NewPublication(tenant_id=tenant_id, id=id, publish=publish, sandbox=sandbox)


def id_of(tenant_id: UUID, cause: str) -> str:
    """What receivers tell repeats by: the same for the same cause, and for no other."""
    return "evt_" + hashlib.sha256(f"{tenant_id} {cause}".encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _faults(publish: Publish) -> Iterator[Fault]:
    if publish.id is not None:
        yield from _checked(publish.id, "/id")
    if publish.kind not in TARGETS:
        yield Fault("/kind", f"must be {one_of(TARGETS)}", "not_allowed")
    else:
        yield from _of_target(publish.kind, publish.target)
    for name, value in publish.headers.items():
        if not name or not name.isascii() or not name.isprintable() or " " in name or ":" in name:
            yield Fault("/headers", f"{name[:64]!r} cannot be the name of a header")
        elif len(value) > _LONGEST or not value.isprintable():
            yield Fault(f"/headers/{name}", f"must be printable, and at most {_LONGEST} characters")
    try:
        pack(publish.body)
    except Invalid as error:
        yield Fault("/body", error.message, error.code)


def _of_target(kind: str, target: Mapping[str, str]) -> Iterator[Fault]:
    needed, allowed = TARGETS[kind]
    for name in needed:
        if not target.get(name):
            yield Fault(f"/target/{name}", f"{kind} needs a `{name}`", "missing")
    for name, value in target.items():
        if name not in (*needed, *allowed):
            hint = did_you_mean(name, (*needed, *allowed))
            yield Fault("/target", f"{kind} has no `{name[:64]}`: {hint}", "unknown_field")
        elif len(value) > _LONGEST or not value.isprintable():
            yield Fault(f"/target/{name}", f"must be printable, and at most {_LONGEST} characters")


def _checked(text: str, at: str) -> Iterator[Fault]:
    try:
        check_reference(text)
    except Invalid as error:
        yield Fault(at, error.message, error.code)
