"""The keys of an instance's role, from the metadata service that each has (IMDS, version 2).

Written from https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html as of November 2026.
"""

from __future__ import annotations

import re

from clarion.channels.aws.container import PATIENCE
from clarion.channels.aws.keys import Keys, KeySource, keys_of, no_keys, refused
from clarion.domain.outcome import Retry
from clarion.http.client import Client, Patience
from clarion.http.outcome import LOCKED_OUT
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

_ROLES = "/latest/meta-data/iam/security-credentials/"
_ASK = {"x-aws-ec2-metadata-token-ttl-seconds": "300"}
_ROLE = re.compile(r"[A-Za-z0-9+=,.@_-]{1,64}")


class Instance(KeySource):
    """One instance's role. A session is opened for each look: version 1, which needs none, is not spoken."""

    def __init__(self, url: str, *, patience: Patience = PATIENCE) -> None:
        self._url = url
        self._http = Client(connections=1, patience=patience)

    async def fetch(self) -> Keys | Retry:
        session = await self._http.put(parse_url(f"{self._url}/latest/api/token"), b"", _ASK)
        if not isinstance(session, Reply) or not session.ok:
            return refused(session)
        headers = {"x-aws-ec2-metadata-token": _text(session)}
        if not headers["x-aws-ec2-metadata-token"].isprintable():
            return no_keys("the metadata service gave no token")
        roles = await self._http.get(parse_url(self._url + _ROLES), headers)
        if not isinstance(roles, Reply) or not roles.ok:
            return refused(roles)
        role = _text(roles).partition("\n")[0]
        if not _ROLE.fullmatch(role):
            return no_keys("the instance has no role", LOCKED_OUT)
        answer = await self._http.get(parse_url(self._url + _ROLES + role), headers)
        return keys_of(answer.json) if isinstance(answer, Reply) and answer.ok else refused(answer)

    async def close(self) -> None:
        await self._http.close()


def _text(reply: Reply) -> str:
    return reply.body.decode("latin-1").strip()
