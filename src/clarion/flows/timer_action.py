"""The `timer.set` and `timer.cancel` of a binding, a timer or a schedule, judged before they reach the database."""

from __future__ import annotations

from clarion.domain.action import CancelTimer, SetTimer, to_json
from clarion.domain.audience_json import read_own
from clarion.domain.identifier import check_identifier
from clarion.domain.storable import pack
from clarion.errors import Fault, Invalid


def check(action: SetTimer | CancelTimer) -> None:
    """Raise `Invalid` with every fault of *action*.

    What its own actions name is looked at when it fires: until then it may come to exist, or go.
    """
    faults: list[Fault] = []
    try:
        check_identifier(action.key)
    except Invalid as error:
        faults.append(Fault("/key", error.message, error.code))
    if isinstance(action, SetTimer):
        read_own(action.metadata, "/metadata", faults)
        try:
            pack([to_json(one) for one in action.actions])
        except Invalid as error:
            faults.append(Fault("/actions", error.message, error.code))
        if not action.actions:
            faults.append(Fault("/actions", "it would do nothing", "too_few"))
    if faults:
        said = "; ".join(f"{fault.pointer}: {fault.detail}" for fault in faults)
        codes = {fault.code for fault in faults}
        raise Invalid(said, code=codes.pop() if len(codes) == 1 else "invalid", faults=faults)
