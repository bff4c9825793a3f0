"""Webhooks of recipients: registering one, its secrets, trying it, and what follows from how it goes there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

import orjson
import structlog

from clarion import clock, ids
from clarion.domain.binding_value import show_time
from clarion.domain.outcome import Outcome, Reject
from clarion.domain.vault import NONCE, Vault
from clarion.domain.webhook import MOST_WEBHOOKS, Health, Landed, after, shorten
from clarion.errors import Conflict
from clarion.flows.hearing import Hearing
from clarion.flows.rates import webhook_pace
from clarion.http.catching import Catching
from clarion.http.standard_webhooks import DEADLINE, new_secret, post_signed, read_secret
from clarion.http.url_guard import Destination, UrlGuard, parse_url
from clarion.queue import destinations
from clarion.store import webhooks
from clarion.store.database import Connection
from clarion.store.webhooks import Row, Which

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What whoever registers a webhook says of it."""

    url: str
    description: str | None = None
    #: The workflows whose messages it gets; None is all.
    workflows: tuple[str, ...] | None = None


class Tried(NamedTuple):
    """What trying a webhook came to."""

    outcome: Outcome
    took: timedelta


class Webhooks:
    """Registers webhooks, and reads their secrets."""

    def __init__(self, vault: Vault, guard: UrlGuard, catching: Catching | None = None) -> None:
        """*guard* says where they may be, *catching* which of them a catcher gets what is for them."""
        self._vault = vault
        self._guard = guard
        self._catching = catching

    def checked(self, url: str) -> Destination:
        """Where *url* leads. Raises `Invalid` (``url_not_allowed``) for what is not to be posted to, as far as it
        shows."""
        destination = parse_url(url)
        self._guard.check(destination, by_others=True)
        return destination

    async def add(self, connection: Connection, which: Which, fields: Fields) -> tuple[Row, str] | None:
        """Register a webhook: it, and its secret, which is told this once. None: no such recipient.

        Call it in a transaction. Raises `Invalid` for its URL, and `Conflict` (``too_many_webhooks``).
        """
        url = str(self.checked(fields.url))
        secret = new_secret()
        try:
            row = await webhooks.add(
                connection,
                which,
                url=url,
                description=fields.description,
                workflows=fields.workflows,
                secret=self._seal(which, secret),
                secret_end=shorten(secret),
            )
        except webhooks.TooMany:
            raise Conflict(
                f"{which.recipient_id} has {MOST_WEBHOOKS} webhooks, as many as there can be: delete one first",
                code="too_many_webhooks",
            ) from None
        return None if row is None else (row, secret)

    async def change(self, connection: Connection, which: Which, fields: Fields) -> Row | None:
        """Let it be where *fields* say. Raises `Invalid` for its URL."""
        url = str(self.checked(fields.url))
        await give_no_time(connection, which)
        return await webhooks.change(
            connection, which, url=url, description=fields.description, workflows=fields.workflows
        )

    async def rotate(self, connection: Connection, which: Which, overlap: timedelta) -> tuple[Row, str] | None:
        """Give it a new secret, told this once; for *overlap* the one of before signs as well."""
        secret = new_secret()
        row = await webhooks.rotate(
            connection, which, secret=self._seal(which, secret), secret_end=shorten(secret), overlap=overlap
        )
        return None if row is None else (row, secret)

    def secrets(self, which: Which, secret: bytes, old_secret: bytes | None) -> tuple[bytes, ...]:
        """The keys that sign, the new one first; none where the secret of the installation is another by now."""
        opened = (self._vault.open(which.tenant_id, _about(which), one) for one in (secret, old_secret) if one)
        found = tuple(read_secret(one.decode("ascii")) for one in opened if one is not None)
        return found if found and self._vault.open(which.tenant_id, _about(which), secret) is not None else ()

    async def try_out(self, row: Row) -> Tried:
        """Post something that says it is a test to the webhook in *row*, and wait for the answer."""
        from clarion.http.client import Client, Patience  # workers, which try nothing out, do without

        which, began = Which(row["tenant_id"], row["recipient_id"], row["id"]), clock.monotonic()
        old = row["old_secret"] if row["old_until"] and row["old_until"] > row["now"] else None
        secrets = self.secrets(which, row["secret"], old)
        if not secrets:
            return Tried(Reject("its secret was sealed under a secret that is not there any more"), timedelta(0))
        shown = ids.show(ids.Prefix.WEBHOOK, which.id)
        said = {"webhook": shown, "recipient": which.recipient_id}
        body = {"type": "test", "timestamp": show_time(clock.now()), "data": said}
        to, guard = parse_url(row["url"]), self._guard
        if self._catching is not None and (elsewhere := self._catching.caught(to)) is not None:
            to, guard = elsewhere, self._catching.guard
        http = Client(guard=guard, connections=1, patience=Patience(total=DEADLINE))
        try:
            id = ids.show(ids.Prefix.MESSAGE, ids.new())
            outcome = await post_signed(http, to, secrets, id, orjson.dumps(body))
        finally:
            await http.close()
        return Tried(outcome, timedelta(seconds=clock.monotonic() - began))

    async def reseal(self, connection: Connection) -> tuple[int, int]:
        """Seal under the present secret of the installation what was sealed under one of before.

        How many were, and how many nobody can open any more.
        """
        done = lost = 0
        for row in await webhooks.sealed(connection):
            which, kept = Which(row["tenant_id"], row["recipient_id"], row["id"]), (row["secret"], row["old_secret"])
            if all(one is None or self._vault.is_present(one) for one in kept):
                continue
            said = [one and self._vault.open(which.tenant_id, _about(which), one) for one in kept]
            if not said[0]:
                lost += 1
                continue
            anew = [one and self._seal(which, one.decode("ascii")) for one in said]
            await webhooks.reseal(connection, which, row["secret"], anew[0] or b"", anew[1] or row["old_secret"])
            done += 1
        return done, lost

    def _seal(self, which: Which, secret: str) -> bytes:
        return self._vault.seal(which.tenant_id, _about(which), secret.encode("ascii"), nonce=os.urandom(NONCE))


async def heed(
    connection: Connection, landed: Mapping[Which, Landed], *, patience: timedelta, hearing: Hearing | None = None
) -> None:
    """Within the caller's transaction: remember how it went at each webhook, and disable those that are given up."""
    some = [which for which, one in landed.items() if one.matters]
    if not some:
        return
    news: dict[Which, Health] = {}
    urls = {}
    for row in await webhooks.lock(connection, some):
        which = Which(row["tenant_id"], row["recipient_id"], row["id"])
        was = Health(failing_since=row["failing_since"], error=row["last_error"], paused_until=row["paused_until"])
        now = after(was, landed[which].outcomes, row["now"], patience)
        if now != was:
            news[which], urls[which] = now, row["url"]
    if not news:
        return
    await webhooks.note(connection, news)
    disabled = {which: health.disabled for which, health in news.items() if health.disabled is not None}
    if disabled and hearing is not None:
        await hearing.webhooks(connection, {which: (urls[which], reason) for which, reason in disabled.items()})
    for which in sorted(disabled):
        await give_no_time(connection, which)
    for which, health in news.items():
        _tell(which, health)


async def give_no_time(connection: Connection, which: Which) -> None:
    """Forget that it hangs, or is slow: what waits for it goes on, to find out how it is now."""
    await destinations.lift(connection, webhook_pace(which))


def _tell(which: Which, health: Health) -> None:
    about = {"webhook": ids.show(ids.Prefix.WEBHOOK, which.id), "tenant": str(which.tenant_id)}
    if health.disabled is not None:
        log.error("webhook.disabled", **about, reason=health.disabled)
    elif health.paused_until is not None:
        log.warning("webhook.paused", **about, until=health.paused_until.isoformat(), reason=health.error)


def _about(which: Which) -> str:
    return f"webhook|{which.recipient_id}|{which.id.hex}"
