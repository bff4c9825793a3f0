"""What requests to Amazon are signed with: a user's access key, or a role's for a time, and where that comes from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from clarion.domain.outcome import Reject, Retry, Uncertain
from clarion.http.client import Answer
from clarion.http.outcome import BUSY, LOCKED_OUT
from clarion.http.reply import Reply, printable

_LONGEST = 16_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """An access key."""

    access_key: str
    secret: str = field(repr=False)
    #: Goes with every request that is signed by a key for a time.
    token: str | None = field(default=None, repr=False)
    #: When it runs out; None: never.
    until: datetime | None = None


class KeySource(ABC):
    """Gives out keys."""

    @abstractmethod
    async def fetch(self) -> Keys | Retry:
        """Keys that are good from now on; or why there are none, and everybody waits. Asking changes nothing."""

    async def close(self) -> None:  # noqa: B027 - not all have something to close
        """Close what is open. May be called more than once."""


class Given(KeySource):
    """Keys that the settings give."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    async def fetch(self) -> Keys | Retry:
        return self._keys


class Nowhere(KeySource):
    """There are none."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def fetch(self) -> Keys | Retry:
        return no_keys(self._why, LOCKED_OUT)


def no_keys(why: str, after: timedelta = BUSY) -> Retry:
    """Why there are no keys: everybody waits, and no message is the worse for it."""
    return Retry(f"no access keys: {why}", after=after, pause_provider=True)


def refused(answer: Answer) -> Retry:
    """What *answer* means, which brings none: as nothing was sent, it may be asked again whatever went wrong."""
    if isinstance(answer, Retry | Reject | Uncertain):
        return no_keys(answer.reason)
    assert isinstance(answer, Reply)
    final = 400 <= answer.status < 500 and answer.status not in (408, 425, 429)
    return no_keys(f"HTTP {answer.status}: {answer.shown}", answer.retry_after or (LOCKED_OUT if final else BUSY))


def keys_of(found: Mapping[str, object]) -> Keys | Retry:
    """The keys that Amazon gave out as *found*."""
    given = [found.get(name) for name in ("AccessKeyId", "SecretAccessKey", "Token")]
    key, secret, session = (one if _is_header(one) else None for one in given)
    until = _time(found.get("Expiration"))
    if key is None or secret is None or session is None or until is None:
        said = ": ".join(printable(one) for name in ("Code", "Message") if isinstance(one := found.get(name), str))
        return no_keys(f"what was given out is none{f' ({said})' if said else ''}", LOCKED_OUT)
    return Keys(access_key=str(key), secret=str(secret), token=str(session), until=until)


def _is_header(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable() and 0 < len(value) <= _LONGEST


def _time(value: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
