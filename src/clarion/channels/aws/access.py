"""The keys that an account signs with now: a user's for ever, a role's while they last, renewed before they run out.

How keys for a time are come by, as of November 2026: `container`, `instance` and `web_identity` beside this file.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from clarion import clock
from clarion.channels.account import Account
from clarion.channels.aws.keys import Given, Keys, KeySource, Nowhere
from clarion.domain.outcome import Retry

#: Keys are replaced so long before they run out, so that none run out on their way: Amazon's own libraries, too, ask
#: ten to fifteen minutes before. A shorter life is halved.
_AHEAD = timedelta(minutes=12)
#: Where new ones cannot be had, the old ones serve until so long before their end, and the next look is after a rest.
_LEAST, _REST = timedelta(minutes=1), timedelta(seconds=30)


class Access:
    """The keys of one account, renewed by whoever needs them first; all others wait for that."""

    def __init__(self, source: KeySource) -> None:
        self._source = source
        self._renewing = asyncio.Lock()
        self._keys: Keys | None = None
        #: On the monotonic clock; None: never.
        self._renew_at: float | None = None

    @property
    def latest(self) -> Keys:
        """Those of the last `keys`, which must have been asked first."""
        assert self._keys is not None
        return self._keys

    async def keys(self) -> Keys | Retry:
        """Keys that are good for a while; or why there are none, and everybody waits."""
        async with self._renewing:
            now = clock.monotonic()
            if self._keys is not None and (self._renew_at is None or now < self._renew_at):
                return self._keys
            got = await self._source.fetch()
            if isinstance(got, Keys):
                self._keys, self._renew_at = got, _renew_at(got, now)
            elif self._keys is not None and _lifetime(self._keys) > _LEAST:
                self._renew_at = now + _REST.total_seconds()
            else:
                return got
            return self._keys

    def forget(self) -> None:
        """Amazon did not let us in: the next keys are asked for anew, if they are for a time."""
        if self._keys is not None and self._keys.until is not None:
            self._keys = None

    async def close(self) -> None:
        """Close what is open. May be called more than once."""
        await self._source.close()


def open_access(account: Account) -> Access:
    """That of *account*, as its settings say."""
    return Access(_source(account))


def _source(account: Account) -> KeySource:
    from clarion.channels.aws.container import Container
    from clarion.channels.aws.instance import Instance
    from clarion.channels.aws.web_identity import WebIdentity

    match account["credentials"]:
        case "container":
            url = account.get("container_url")
            return Container(url, account.get("container_token_file")) if url else Nowhere(_OUTSIDE.format("container"))
        case "web_identity":
            role, file = account.get("role_arn"), account.get("web_identity_token_file")
            if role is None or file is None:
                return Nowhere(_OUTSIDE.format("web_identity"))
            return WebIdentity(role, file, region=account["region"], url=account.get("base_url"))
        case "instance":
            return Instance(account["metadata_url"])
        case _:
            token = account.get("session_token")
            return Given(Keys(access_key=account["access_key_id"], secret=account["secret_access_key"], token=token))


_OUTSIDE = "neither the account nor the environment says where `credentials = {}` are to be had"


def _renew_at(keys: Keys, now: float) -> float | None:
    if keys.until is None:
        return None
    lifetime = _lifetime(keys)
    return now + max(lifetime - _AHEAD, lifetime / 2).total_seconds()


def _lifetime(keys: Keys) -> timedelta:
    return timedelta.max if keys.until is None else keys.until - clock.now()
