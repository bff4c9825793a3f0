"""Requests to Amazon Web Services, signed (Signature Version 4).

Written from https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html as of November
2026. Amazon's own signer (botocore 1.44) must agree, in the tests.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from datetime import datetime
from urllib.parse import quote

from clarion.channels.aws.keys import Keys
from clarion.http.url_guard import Destination

_ALGORITHM = "AWS4-HMAC-SHA256"

#: Gives the headers that make a POST of these octets, with these headers, genuine at that time, by these keys.
Sign = Callable[[Keys, bytes, Mapping[str, str], datetime], dict[str, str]]


def signer(*, region: str, service: str, to: Destination) -> Sign:
    """What signs requests to *to*.

    All headers that it is given are signed; their names are in lower case, their values on one line.
    """
    days: dict[tuple[str, str], bytes] = {}

    def key_of(keys: Keys, day: str) -> bytes:
        """The key of a day, which is the same for all its requests."""
        which = keys.secret, day
        if which not in days:
            days.clear()
            key = f"AWS4{keys.secret}".encode()
            for part in (day, region, service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            days[which] = key
        return days[which]

    def sign(keys: Keys, body: bytes, headers: Mapping[str, str], now: datetime) -> dict[str, str]:
        at = f"{now:%Y%m%dT%H%M%SZ}"
        ours = {"x-amz-date": at, **({"x-amz-security-token": keys.token} if keys.token is not None else {})}
        signed = {**headers, "host": to.authority, **ours}
        names = sorted(signed)
        lines = [f"{name}:{' '.join(signed[name].split())}\n" for name in names]
        request = "\n".join(
            (
                "POST",
                quote(to.path, safe="/~"),
                "&".join(f"{name}={value}" for name, value in sorted(_pairs(to.query))),
                "".join(lines),
                ";".join(names),
                hashlib.sha256(body).hexdigest(),
            )
        )
        scope = f"{at[:8]}/{region}/{service}/aws4_request"
        text = "\n".join((_ALGORITHM, at, scope, hashlib.sha256(request.encode()).hexdigest()))
        proof = hmac.digest(key_of(keys, at[:8]), text.encode(), "sha256").hex()
        who = f"Credential={keys.access_key}/{scope}, SignedHeaders={';'.join(names)}, Signature={proof}"
        return {**headers, **ours, "authorization": f"{_ALGORITHM} {who}"}

    return sign


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)]
