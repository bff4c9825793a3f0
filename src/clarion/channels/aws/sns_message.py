"""What Amazon SNS posts to an endpoint, and what of it is signed: taken apart, not yet believed.

Written from https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html and
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html as of November
2026.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from clarion.errors import Forged

NOTIFICATION = "Notification"
SUBSCRIPTION = "SubscriptionConfirmation"
UNSUBSCRIPTION = "UnsubscribeConfirmation"

_CONFIRMED = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
#: What is signed of each type, in this order.
_SIGNED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
        SUBSCRIPTION: _CONFIRMED,
        UNSUBSCRIPTION: _CONFIRMED,
    }
)
_MAY_BE_ABSENT = "Subject"
_HASHES: Mapping[str, hashes.HashAlgorithm] = MappingProxyType(
    # SNS signs with SHA-1 unless the topic says otherwise. To forge that, one would have to find other words with the
    # hash of some that Amazon signed, which nobody can.
    {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SnsMessage:
    """One request of SNS, by what it says of itself."""

    type: str
    id: str
    topic: str
    at: datetime
    #: What it is about: for a notification, what was published.
    text: str
    #: Where the certificate is said to be, by which it is signed.
    certificate_url: str
    #: Of confirmations: where to go, and the token that confirms.
    subscribe_url: str
    token: str
    #: The octets that are signed, how, and the signature.
    signed: bytes
    version: str
    signature: bytes

    def check(self, key: RSAPublicKey) -> None:
        """Raise `Forged` unless it is signed for *key*."""
        try:
            key.verify(self.signature, self.signed, PKCS1v15(), _HASHES[self.version])
        except InvalidSignature:
            raise Forged("the signature of SNS does not match") from None


def read_message(body: bytes) -> SnsMessage:
    """What *body* says of itself. Raises `Forged` where it is nothing that SNS sends."""
    try:
        told = orjson.loads(body)
        fields = {name: value for name, value in told.items() if isinstance(value, str)}
        kind = fields["Type"]
        names = [name for name in _SIGNED[kind] if name != _MAY_BE_ABSENT or name in fields]
        version = fields["SignatureVersion"]
        return SnsMessage(
            type=kind,
            id=fields["MessageId"],
            topic=fields["TopicArn"],
            at=_time(fields["Timestamp"]),
            text=fields["Message"],
            certificate_url=fields["SigningCertURL"],
            subscribe_url=fields.get("SubscribeURL", ""),
            token=fields.get("Token", ""),
            signed="".join(f"{name}\n{fields[name]}\n" for name in names).encode(),
            version=version if version in _HASHES else _unknown(version),
            signature=base64.b64decode(fields["Signature"], validate=True),
        )
    except (ValueError, KeyError, AttributeError):
        raise Forged("it is not signed as SNS signs") from None


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(text)
    return at


def _unknown(version: str) -> str:
    raise ValueError(version)
