"""The keys of a role, for a token that somebody whom Amazon trusts has signed: service accounts of EKS (IRSA).

Written from https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html and
https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html as of November 2026. The request is not signed:
the token proves who asks.
"""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode

from clarion.channels.aws.account import domain_of
from clarion.channels.aws.container import read_token
from clarion.channels.aws.keys import Keys, KeySource, keys_of, refused
from clarion.domain.outcome import Retry
from clarion.http.client import Client, Patience
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

_HEADERS = {"content-type": "application/x-www-form-urlencoded; charset=utf-8", "accept": "text/xml"}
#: Seen in Amazon's own log of who did what.
_SESSION = "clarion"
#: In elements without attributes or children, as with SNS.
_ELEMENT = re.compile(r"<(AccessKeyId|SecretAccessKey|SessionToken|Expiration)>([^<]{1,16000})</\1>")


class WebIdentity(KeySource):
    """One role, in one region."""

    def __init__(
        self, role: str, token_file: str, *, region: str, url: str | None = None, patience: Patience | None = None
    ) -> None:
        """*token_file* holds the token, written anew before it runs out; *url* is that of a fake of STS."""
        self._role, self._token_file = role, token_file
        self._url = parse_url(url or f"https://sts.{region}.{domain_of(region)}")
        self._http = Client(connections=1, patience=patience)

    async def fetch(self) -> Keys | Retry:
        token = await read_token(self._token_file)
        if isinstance(token, Retry):
            return token
        form = {
            "Action": "AssumeRoleWithWebIdentity",
            "Version": "2011-06-15",
            "RoleArn": self._role,
            "RoleSessionName": _SESSION,
            "WebIdentityToken": token,
        }
        answer = await self._http.post(self._url, urlencode(form).encode(), _HEADERS)
        if not isinstance(answer, Reply) or not answer.ok:
            return refused(answer)
        found = {name: html.unescape(value) for name, value in _ELEMENT.findall(answer.body.decode("utf-8", "replace"))}
        return keys_of({**found, "Token": found.get("SessionToken")})

    async def close(self) -> None:
        await self._http.close()
