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

from clarion.http.url_guard import Destination

_ALGORITHM = "AWS4-HMAC-SHA256"

#: Gives the headers that make a POST of these octets, with these headers, genuine at that time.
Sign = Callable[[bytes, Mapping[str, str], datetime], dict[str, str]]


def signer(access_key: str, secret: str, *, region: str, service: str, to: Destination) -> Sign:
    """What signs requests to *to* with a key of an account: a function, so that the secret stands in no attribute.

    All headers that it is given are signed; their names are in lower case, their values on one line.
    """
    days: dict[str, bytes] = {}

    def key_of(day: str) -> bytes:
        """The key of a day, which is the same for all its requests."""
        if day not in days:
            days.clear()
            key = f"AWS4{secret}".encode()
            for part in (day, region, service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            days[day] = key
        return days[day]

    def sign(body: bytes, headers: Mapping[str, str], now: datetime) -> dict[str, str]:
        at = f"{now:%Y%m%dT%H%M%SZ}"
        signed = {**headers, "host": to.authority, "x-amz-date": at}
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
        proof = hmac.digest(key_of(at[:8]), text.encode(), "sha256").hex()
        who = f"Credential={access_key}/{scope}, SignedHeaders={';'.join(names)}, Signature={proof}"
        return {**headers, "x-amz-date": at, "authorization": f"{_ALGORITHM} {who}"}

    return sign


def _pairs(query: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (pair.partition("=") for pair in query.split("&") if pair)]
