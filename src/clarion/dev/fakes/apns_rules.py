"""What APNs takes and what it refuses, in its own words: the part of the fake that is data and pure functions.

Sources, as of November 2026:
https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns,
https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

from clarion.dev.fakes.http2 import Asked

MOST_BYTES, _LONGEST_COLLAPSE_ID = 4_096, 64
_PATH = re.compile(r"/3/device/([^/]*)")
_TOKEN = re.compile(r"(?:[0-9a-fA-F]{2}){32,100}")
_OLDEST_S = 3_600
_TYPES = frozenset(
    {"alert", "background", "controls", "location", "voip", "complication", "fileprovider", "mdm", "liveactivity"}
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is an error."""

    http: int
    reason: str

    def body(self, now: datetime) -> bytes:
        """As Apple writes it: of a token that is gone with the time since when."""
        since = {"timestamp": int(now.timestamp() * 1_000)} if self.http == 410 else {}
        return json.dumps({"reason": self.reason, **since}).encode()


def token_fault(token: str, key: EllipticCurvePublicKey, *, key_id: str, team_id: str, now: datetime) -> Refusal | None:
    """Why a token of access does not let in; None when it does."""
    if not token:
        return Refusal(403, "MissingProviderToken")
    try:
        head = jwt.get_unverified_header(token)
        claims = jwt.decode(token, key, algorithms=["ES256"], options={"verify_iat": False, "require": ["iat", "iss"]})
    except jwt.InvalidTokenError:
        return Refusal(403, "InvalidProviderToken")
    if head.get("kid") != key_id or claims["iss"] != team_id:
        return Refusal(403, "InvalidProviderToken")
    return Refusal(403, "ExpiredProviderToken") if abs(now.timestamp() - claims["iat"]) > _OLDEST_S else None


def refusal_of(asked: Asked, topic: str, *, dead: Collection[str], strange: Collection[str]) -> Refusal | None:
    """Why APNs would not take a request; None when it would."""
    return next(_wrong(asked, topic, dead, strange), None)


def _wrong(asked: Asked, topic: str, dead: Collection[str], strange: Collection[str]) -> Iterator[Refusal]:
    path = _PATH.fullmatch(asked.path)
    if asked.method != "POST":
        yield Refusal(405, "MethodNotAllowed")
    if path is None:
        yield Refusal(404, "BadPath")
        return
    if not path[1]:
        yield Refusal(400, "MissingDeviceToken")
    yield from _wrong_headers(asked.headers, topic)
    if not asked.body:
        yield Refusal(400, "PayloadEmpty")
    if len(asked.body) > MOST_BYTES:
        yield Refusal(413, "PayloadTooLarge")
    if not _TOKEN.fullmatch(path[1]) or path[1] in strange:
        yield Refusal(400, "BadDeviceToken")
    if path[1] in dead:
        yield Refusal(410, "Unregistered")


def _wrong_headers(headers: Mapping[str, str], topic: str) -> Iterator[Refusal]:
    if "apns-topic" not in headers:
        yield Refusal(400, "MissingTopic")
    if headers.get("apns-topic") != topic:
        yield Refusal(400, "TopicDisallowed")
    checks = {
        "InvalidPushType": headers.get("apns-push-type", "alert") in _TYPES,
        "BadPriority": headers.get("apns-priority", "10") in ("1", "5", "10"),
        "BadExpirationDate": headers.get("apns-expiration", "0").isdigit(),
        "BadCollapseId": len(headers.get("apns-collapse-id", "").encode()) <= _LONGEST_COLLAPSE_ID,
        "BadMessageId": _is_id(headers.get("apns-id", "")),
    }
    yield from (Refusal(400, reason) for reason, holds in checks.items() if not holds)


def _is_id(text: str) -> bool:
    """Whether it is written as Apple wants an id: 32 digits in five groups."""
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
