"""Signature Version 4: what we sign is what Amazon's own signer signs, whatever is asked, and whenever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from clarion.channels.aws.keys import Keys
from clarion.channels.aws.signing import signer
from clarion.http.url_guard import parse_url

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
NOW = datetime(2026, 11, 26, 7, 30, 5, tzinfo=UTC)

_VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30).map(str.strip)
_NAMES = st.from_regex(r"x-[a-z][a-z0-9-]{0,12}", fullmatch=True).filter(lambda name: not name.startswith("x-amz"))


def _theirs(
    url: str, body: bytes, headers: dict[str, str], region: str, service: str, now: datetime, token: str | None = None
) -> str:
    """What Amazon's signer writes."""
    request = AWSRequest(method="POST", url=url, data=body, headers=dict(headers))
    auth: Any = botocore.auth.SigV4Auth(Credentials(KEY, SECRET, token), service, region)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: now.replace(tzinfo=None))
        auth.add_auth(request)
    return str(request.headers["Authorization"])


@given(
    body=st.binary(max_size=200),
    headers=st.dictionaries(_NAMES, _VALUES, max_size=4),
    path=st.sampled_from(["", "/", "/v2/email/outbound-emails", "/a%20b/c", "/a~b"]),
    query=st.sampled_from(["", "?b=2&a=1", "?a-b=1&a=2&a=1", "?Action=Publish&x=%2F"]),
    region=st.sampled_from(["eu-west-1", "us-gov-east-1", "cn-north-1"]),
    service=st.sampled_from(["ses", "sns"]),
    port=st.sampled_from(["", ":8443"]),
    days=st.integers(0, 3),
    token=st.none() | st.from_regex(r"[A-Za-z0-9/+=]{16,60}", fullmatch=True),
)
def test_our_signature_is_amazons(
    body: bytes,
    headers: dict[str, str],
    path: str,
    query: str,
    region: str,
    service: str,
    port: str,
    days: int,
    token: str | None,
) -> None:
    url, now = f"https://email.{region}.amazonaws.com{port}{path}{query}", NOW + timedelta(days=days)
    sign = signer(region=region, service=service, to=parse_url(url))
    keys = Keys(access_key=KEY, secret=SECRET, token=token)
    ours = sign(keys, body, headers, now)
    assert sign(keys, body, headers, now) == ours
    assert ours["authorization"] == _theirs(url, body, headers, region, service, now, token)
    assert ours.get("x-amz-security-token") == token
    assert ours["x-amz-date"] == f"{now:%Y%m%dT%H%M%SZ}"
    assert SECRET not in f"{ours} {sign!r} {keys!r}"
    assert token is None or token not in repr(keys)


def test_each_day_has_its_own_key() -> None:
    sign = signer(region="eu-west-1", service="ses", to=parse_url("https://email.eu-west-1.amazonaws.com"))
    keys = Keys(access_key=KEY, secret=SECRET)
    for now in (NOW, NOW + timedelta(days=1), NOW):
        expected = _theirs("https://email.eu-west-1.amazonaws.com", b"x", {}, "eu-west-1", "ses", now)
        assert sign(keys, b"x", {}, now)["authorization"] == expected
