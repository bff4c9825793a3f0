"""What a webhook says: the type of what happened, when, and data, as Standard Webhooks wants it.

The data is that of the step, whose strings, however deep, are CEL; where a step has none, all there is to know is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson

from clarion.domain.binding_value import PlacedFault, plain, show_time
from clarion.domain.expression import Expression, Scope
from clarion.errors import Fault, Invalid

#: What is posted, at most: larger belongs behind a link.
MOST_BYTES = 256 * 1024

_Evaluate = Callable[[Scope], Any]


class Body:
    """The body that a step's messages have, compiled."""

    def __init__(self, type: str | None, data: object = None) -> None:
        """Raises `Invalid` with a `PlacedFault` for each expression that is none, its pointer below *data*."""
        self._type = type
        faults: list[Fault] = []
        self._data = None if data is None else _compile(data, "", faults)
        if faults:
            raise Invalid("the data has mistakes", code="invalid_expression", faults=faults)

    @property
    def is_whole(self) -> bool:
        """Whether all there is to know is sent, and no expression needs a scope."""
        return self._data is None

    def say(
        self,
        scope: Scope | None,
        *,
        workflow: str,
        message: str,
        recipient: str,
        payload: object,
        trigger: Mapping[str, object],
    ) -> dict[str, object]:
        """The body for the recipient of *scope*. Raises `Invalid` (``expression_failed``) naming what is wrong."""
        if self._data is not None:
            assert scope is not None
            data = self._data(scope)
        else:
            data = {
                "message_id": message,
                "workflow": workflow,
                "recipient": {"id": recipient},
                "trigger": trigger,
                "payload": payload,
            }
        created = datetime.fromisoformat(str(trigger["created_at"]))
        return {"type": self._type or workflow, "timestamp": show_time(created), "data": data}


def written(said: Mapping[str, object]) -> bytes:
    """*said* as it is posted. Raises `Invalid` (``invalid_data``, ``too_large``)."""
    try:
        body = orjson.dumps(said)
    except (TypeError, orjson.JSONEncodeError) as error:
        raise Invalid(f"its data cannot be written as JSON: {error}", code="invalid_data") from None
    if len(body) > MOST_BYTES:
        raise Invalid(f"{len(body):,} bytes, where {MOST_BYTES:,} are allowed", code="too_large")
    return body


def _compile(written: object, at: str, faults: list[Fault]) -> _Evaluate:
    if isinstance(written, str):
        return _expression(written, at, faults)
    if isinstance(written, Mapping):
        members = {str(key): _compile(item, f"{at}/{_escape(str(key))}", faults) for key, item in written.items()}
        return lambda scope: {key: item(scope) for key, item in members.items()}
    if isinstance(written, list | tuple):
        items = [_compile(item, f"{at}/{index}", faults) for index, item in enumerate(written)]
        return lambda scope: [item(scope) for item in items]
    return lambda _: written


def _expression(text: str, at: str, faults: list[Fault]) -> _Evaluate:
    try:
        compiled = Expression.compile(text)
    except Invalid as error:
        hint = f"; for the text itself write \"'{text}'\"" if text.replace("-", "").isidentifier() else ""
        faults += [PlacedFault(at, fault.detail + hint, fault.code, fault.pointer) for fault in error.faults]
        return lambda _: None

    def evaluate(scope: Scope) -> object:
        result = compiled.evaluate(scope)
        if result.reason is not None:
            raise Invalid(f"data{at}: {result.reason}", code="expression_failed")
        try:
            return plain(result.value)
        except ValueError as error:
            raise Invalid(f"data{at}: {error}", code="expression_failed") from None

    return evaluate


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
