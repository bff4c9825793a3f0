"""What FCM takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages,
https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

MOST_BYTES = 4_096

_FCM = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{10,200}:[A-Za-z0-9_-]{20,1000}")
_FID = re.compile(r"[cdef][A-Za-z0-9_-]{21}")
_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?s")
_MOST_TTL_S = 2_419_200
_RESERVED = re.compile(r"from|message_type|google.*|gcm.*")
#: The fields of a message and of its parts; maps of texts are `dict`, JSON of any kind is `object`.
_SHAPES: Mapping[str, Mapping[str, object]] = {
    "message": {
        "token": str,
        "fid": str,
        "topic": str,
        "condition": str,
        "data": dict,
        "notification": "notification",
        "android": "android",
        "webpush": "webpush",
        "apns": "apns",
        "fcm_options": "fcm_options",
    },
    "notification": {"title": str, "body": str, "image": str},
    "android": {
        "collapse_key": str,
        "priority": str,
        "ttl": str,
        "restricted_package_name": str,
        "data": dict,
        "notification": object,
        "fcm_options": "fcm_options",
        "direct_boot_ok": bool,
    },
    "webpush": {"headers": dict, "data": dict, "notification": object, "fcm_options": "fcm_options"},
    "apns": {"headers": dict, "payload": object, "fcm_options": "fcm_options", "live_activity_token": str},
    "fcm_options": {"analytics_label": str, "link": str, "image": str},
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error."""

    http: int
    status: str
    message: str
    #: FCM's own code; None where Google's frontend answers.
    code: str | None = None
    #: The field that is wrong.
    field: str | None = None

    def body(self) -> dict[str, object]:
        """As Google writes it."""
        details: list[dict[str, object]] = [{"@type": _FCM, "errorCode": self.code}] if self.code else []
        if self.field is not None:
            details.append({"@type": _REQUEST, "fieldViolations": [{"field": self.field, "description": self.message}]})
        error: dict[str, object] = {"code": self.http, "message": self.message, "status": self.status}
        return {"error": {**error, "details": details} if details else error}


NOT_LOGGED_IN = Refusal(
    401,
    "UNAUTHENTICATED",
    "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
    "authentication credential.",
)
NOT_YOURS = Refusal(403, "PERMISSION_DENIED", "Permission 'cloudmessaging.messages.create' denied on resource")
UNREGISTERED = Refusal(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED")
MISMATCH = Refusal(403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH")
NO_APNS = Refusal(401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service", "THIRD_PARTY_AUTH_ERROR")
BAD_TOKEN = Refusal(
    400,
    "INVALID_ARGUMENT",
    "The registration token is not a valid FCM registration token",
    "INVALID_ARGUMENT",
    "message.token",
)


def refusal_of(
    request: object, *, dead: Collection[str], mismatched: Collection[str], unlinked: Collection[str]
) -> Refusal | None:
    """Why FCM would not take this body of a request; None when it would.

    *dead* tokens are unregistered, *mismatched* another project's, *unlinked* those of devices of Apple's for which the
    project has no certificate.
    """
    if not isinstance(request, dict) or set(request) - {"message", "validate_only"}:
        return _invalid("Invalid JSON payload received.", None)
    message = request.get("message")
    wrong = next(_wrong(message, "message", "message"), None) or _sense(message)
    if wrong is not None:
        return wrong
    assert isinstance(message, dict)
    token = target_of(message)
    if token in dead:
        return UNREGISTERED
    if token in mismatched:
        return MISMATCH
    return NO_APNS if token in unlinked else None


def target_of(message: Mapping[str, object]) -> str:
    """The device of a message that was found to be in order."""
    return str(message.get("token") or message.get("fid"))


def size_of(message: Mapping[str, object]) -> int:
    """The bytes of what a device is given."""
    parts = [message.get("data", {}), message.get("notification", {})]
    return sum(len(f"{k}{v}".encode()) for part in parts if isinstance(part, dict) for k, v in part.items())


def _wrong(value: object, shape: str, at: str) -> Iterator[Refusal]:
    """What does not have the shape that it must have."""
    if not isinstance(value, dict):
        yield _invalid(f"Invalid value at '{at}'", at)
        return
    known = _SHAPES[shape]
    for key, inner in value.items():
        want, place = known.get(key), f"{at}.{key}"
        if want is None:
            yield _invalid(f"Invalid JSON payload received. Unknown name \"{key}\" at '{at}': Cannot find field.", at)
        elif isinstance(want, str):
            yield from _wrong(inner, want, place)
        elif want is dict:
            if not isinstance(inner, dict) or not all(isinstance(text, str) for text in inner.values()):
                yield _invalid(f"Invalid value at '{place}[0].value' (TYPE_STRING)", f"{place}[0].value")
        elif not isinstance(inner, want):  # type: ignore[arg-type]
            yield _invalid(f"Invalid value at '{place}'", place)


def _sense(message: object) -> Refusal | None:
    assert isinstance(message, dict)
    if sum(bool(message.get(target)) for target in ("token", "fid", "topic", "condition")) != 1:
        return _invalid("Recipient of the message is not set.", "message")
    if not _TOKEN.fullmatch(message.get("token", "")) and not _FID.fullmatch(message.get("fid", "")):
        return BAD_TOKEN
    if any(_RESERVED.fullmatch(key) for key in message.get("data", {})):
        return _invalid("Invalid data payload key", "message.data")
    ttl = message.get("android", {}).get("ttl", "0s")
    if not _SECONDS.fullmatch(ttl) or float(ttl[:-1]) > _MOST_TTL_S:
        return _invalid("Invalid TTL", "message.android.ttl")
    link = message.get("webpush", {}).get("fcm_options", {}).get("link", "https://")
    if not link.startswith("https://"):
        return _invalid("link must be a HTTPS URL", "message.webpush.fcm_options.link")
    return _invalid("Message too big", "message") if size_of(message) > MOST_BYTES else None


def _invalid(message: str, field: str | None) -> Refusal:
    return Refusal(400, "INVALID_ARGUMENT", message, "INVALID_ARGUMENT" if field is not None else None, field)
