"""Problem documents (RFC 9457): the one shape of every error that the API answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import orjson
from starlette.responses import Response

from clarion.errors import ClarionError, Conflict, Fault, Invalid, NotFound, Unavailable

MEDIA_TYPE: Final = "application/problem+json"

#: Codes of `Invalid` that are not 422: the request itself is at fault, not what it says.
_STATUS: Final[Mapping[str, int]] = {"invalid_json": 400, "invalid_cursor": 400, "idempotency_mismatch": 422}


class Refusal(ClarionError):
    """A request turned away before anything looked at what it says."""

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, code=code)
        self.status = status
        self.headers = dict(headers or {})


def response(error: ClarionError, *, instance: str, request_id: str) -> Response:
    """What the client gets for *error* in answer to a request for the path *instance*."""
    status = status_of(error)
    return Response(
        document(error, status=status, instance=instance, request_id=request_id),
        status_code=status,
        headers=headers_of(error),
        media_type=MEDIA_TYPE,
    )


def status_of(error: ClarionError) -> int:
    """The HTTP status that says what *error* says."""
    match error:
        case Refusal():
            return error.status
        case NotFound():
            return 404
        case Unavailable():
            return 503
        case Conflict():
            return _STATUS.get(error.code, 409)
        case Invalid():
            return _STATUS.get(error.code, 422)
        case _:
            return 500


def headers_of(error: ClarionError) -> dict[str, str]:
    """Headers that belong to *error*."""
    match error:
        case Refusal():
            return error.headers
        case Unavailable() | Conflict(code="idempotency_in_flight"):
            return {"Retry-After": "1"}
        case _:
            return {}


def document(error: ClarionError, *, status: int, instance: str, request_id: str) -> bytes:
    """The body. A fault that is none of the caller's says no more than the request's id."""
    ours = status == 500
    code = "internal" if ours else error.code
    body: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": "Something went wrong on our side; the log has it under this request_id." if ours else error.message,
        "instance": instance,
        "code": code,
        "errors": [
            {"pointer": fault.pointer, "detail": fault.detail, "code": fault.code} for fault in _faults(error, status)
        ],
        "request_id": request_id,
    }
    return orjson.dumps(body)


def _faults(error: ClarionError, status: int) -> Sequence[Fault]:
    """What is wrong with what was said: of a fault that is in no one place of the body, the whole (RFC 6901, "")."""
    if isinstance(error, Invalid) and error.faults:
        return error.faults
    return [Fault("", error.message, error.code)] if status in (400, 422) else []
