"""Whether a request to Amazon Web Services is signed as Amazon asks: the part of its fakes that lets in, or does not.

Written from https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html as of November 2026. Amazon's own
library (boto3 1.44) signs what this lets in.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from aiohttp import web

from clarion import clock

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[A-Z0-9]+)/(?P<scope>[0-9]{8}/[a-z0-9-]+/[a-z0-9-]+/aws4_request), ?"
    r"SignedHeaders=(?P<names>[a-z0-9;_-]+), ?Signature=(?P<proof>[0-9a-f]{64})"
)
_SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A role's key for a time."""

    access_key: str
    secret: str
    token: str
    until: datetime


class Sessions:
    """All that were given out."""

    def __init__(self) -> None:
        self.given: list[Session] = []

    def give(self, lifetime: timedelta) -> Session:
        """A new one, good for as long as Amazon's are: to the second."""
        until = (clock.now() + lifetime).replace(microsecond=0)
        key, secret = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(30)[:40].replace("_", "/")
        session = Session(access_key=key, secret=secret.replace("-", "+"), token=secrets.token_hex(200), until=until)
        self.given.append(session)
        return session

    def take_back(self) -> None:
        """None that was given out is good any more."""
        self.given.clear()

    def find(self, access_key: str) -> Session | None:
        return next((one for one in self.given if one.access_key == access_key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user's key, the keys of roles, and what they are used for."""

    access_key: str
    secret: str
    region: str
    service: str
    sessions: Sessions = field(default_factory=Sessions)

    def refused(self, request: web.Request, body: bytes) -> str | None:
        """Why Amazon would not let *request* in, in its words; None when it would."""
        given = _HEADER.fullmatch(request.headers.get("authorization", ""))
        if given is None:
            return "Missing Authentication Token"
        session, token = self.sessions.find(given["key"]), request.headers.get("x-amz-security-token")
        if (given["key"] != self.access_key or token is not None) if session is None else token != session.token:
            return "The security token included in the request is invalid."
        if session is not None and session.until <= clock.now():
            return "The security token included in the request is expired"
        secret = self.secret if session is None else session.secret
        at, names = request.headers.get("x-amz-date", ""), given["names"].split(";")
        if given["scope"] != f"{at[:8]}/{self.region}/{self.service}/aws4_request":
            return f"Credential should be scoped to a valid region, not '{given['scope'].split('/')[1]}'."
        if not _recent(at):
            return f"Signature expired: {at} is now earlier than {clock.now() - _SKEW:%Y%m%dT%H%M%SZ}"
        must = {"host"} | {name.lower() for name in request.headers if name.lower().startswith("x-amz-")}
        if must - set(names) or names != sorted(set(names)):
            return f"'{sorted(must - set(names))}' must be a 'SignedHeader' in the AWS Authorization."
        if not hmac.compare_digest(_proof(secret, request, body, given["scope"], names), given["proof"]):
            return "The request signature we calculated does not match the signature you provided."
        return None


def _proof(secret: str, request: web.Request, body: bytes, scope: str, names: list[str]) -> str:
    path, _, query = request.raw_path.partition("?")
    pairs = sorted(tuple((pair + "=").split("=")[:2]) for pair in query.split("&") if pair)
    lines = [f"{name}:{','.join(' '.join(one.split()) for one in request.headers.getall(name))}" for name in names]
    canonical = [request.method, quote(path, safe="/~"), "&".join("=".join(pair) for pair in pairs), *lines, ""]
    canonical += [";".join(names), hashlib.sha256(body).hexdigest()]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    key = ("AWS4" + secret).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n{digest}"
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _recent(at: str) -> bool:
    try:
        signed = datetime.strptime(at, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return abs(clock.now() - signed) <= _SKEW
