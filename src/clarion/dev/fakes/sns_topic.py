"""A topic of SNS as its subscribers see it: what it posts, signed by a certificate of its own.

Written from https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html as of November 2026. The
certificate is the fake's: who is to believe it must take the fake for SNS.
"""

from __future__ import annotations

import base64
import json
import secrets
import uuid
from datetime import datetime, timedelta
from functools import cache
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from clarion import clock

#: Names of what is signed, of a notification and of a confirmation.
_NOTIFIED = ("Message", "MessageId", "Timestamp", "TopicArn", "Type")
_CONFIRMED = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class Topic:
    """One topic, on a server of SNS's at *origin*."""

    def __init__(self, arn: str, origin: str) -> None:
        self.arn = arn
        self.certificate_path = f"/SimpleNotificationService-{certificate_name()}.pem"
        self._origin = origin

    def notification(self, text: str, **more: str) -> tuple[bytes, dict[str, str]]:
        """What is posted when *text* was published: body and headers."""
        link = f"{self._origin}/?Action=Unsubscribe&SubscriptionArn={quote(self.arn)}:{uuid.uuid4()}"
        return self._signed("Notification", _NOTIFIED, {"Message": text, "UnsubscribeURL": link} | more)

    def confirmation(self, kind: str = "SubscriptionConfirmation", **more: str) -> tuple[bytes, dict[str, str]]:
        """What is posted when somebody subscribed an endpoint, or ended its subscription."""
        token = secrets.token_hex(128)
        link = f"{self._origin}/?Action=ConfirmSubscription&TopicArn={self.arn}&Token={token}"
        words = f"You have chosen to subscribe to the topic {self.arn}.\nTo confirm, visit the SubscribeURL."
        return self._signed(kind, _CONFIRMED, {"Message": words, "Token": token, "SubscribeURL": link} | more)

    def _signed(self, kind: str, names: tuple[str, ...], fields: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """*fields* may say anything of the usual otherwise, such as ``SignatureVersion`` or ``Timestamp``."""
        usual = {
            "Type": kind,
            "MessageId": str(uuid.uuid4()),
            "TopicArn": self.arn,
            "Timestamp": timestamp(clock.now()),
            "SignatureVersion": "1",
            "SigningCertURL": self._origin + self.certificate_path,
        }
        told = usual | fields
        signed = "".join(f"{name}\n{told[name]}\n" for name in sorted({*names, *({"Subject"} & told.keys())}))
        digest = hashes.SHA256() if told["SignatureVersion"] == "2" else hashes.SHA1()  # noqa: S303
        proof = _key().sign(signed.encode(), padding.PKCS1v15(), digest)
        told.setdefault("Signature", base64.b64encode(proof).decode())
        headers = {
            "content-type": "text/plain; charset=UTF-8",
            "user-agent": "Amazon Simple Notification Service Agent",
            "x-amz-sns-message-type": kind,
            "x-amz-sns-message-id": told["MessageId"],
            "x-amz-sns-topic-arn": self.arn,
        }
        return json.dumps(told, indent=2).encode(), headers


def timestamp(at: datetime) -> str:
    """*at* as SNS writes it."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


@cache
def certificate() -> bytes:
    """The certificate that belongs to what is signed here."""
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com")]), clock.now()
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(_key().public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(days=1))
    made = builder.not_valid_after(now + timedelta(days=30)).sign(_key(), hashes.SHA256())
    return made.public_bytes(Encoding.PEM)


@cache
def certificate_name() -> str:
    """What the certificate is called; another in each process."""
    return secrets.token_hex(16)


@cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
