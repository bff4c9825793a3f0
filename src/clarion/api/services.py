"""What the routes work with: handed in whole by the composition root."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from clarion.api.allowance import Allowance
from clarion.api.gate import CALLBACKS, FAILED_KEYS, READS, Gate, Quota, Strangers, Tellers, Visitors
from clarion.api.metrics import Metrics
from clarion.api.paging import Cursors
from clarion.domain.attachment import Rules
from clarion.domain.engagement import Traces
from clarion.domain.suppression import SoftRule
from clarion.domain.unsubscribe import Links
from clarion.domain.vault import Vault
from clarion.domain.workflow import Channel
from clarion.flows.attaching import Allowed
from clarion.flows.chats import Chats
from clarion.flows.definitions import Definitions
from clarion.flows.retention import Ages, What
from clarion.flows.webhooks import Webhooks
from clarion.http.catching import Catching
from clarion.http.url_guard import Network, UrlGuard
from clarion.inbox.tokens import Tokens

if TYPE_CHECKING:
    import asyncpg

    from clarion.channels.account import Account, Kind
    from clarion.channels.base import Callbacks, Provider
    from clarion.flows.caps import Caps
    from clarion.flows.hearing import Hearing
    from clarion.flows.published import Published
    from clarion.flows.rates import Carriers
    from clarion.flows.verified import Verified
    from clarion.inbox.live import Live
    from clarion.store.database import Connection, Pool


def pepper_of(secret: bytes) -> bytes:
    """The pepper for API keys that belongs to the *secret* of an installation."""
    return hmac.digest(secret, b"api keys", "sha256")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedLimits:
    """Who may follow feeds: from pages of which origins, and how many streams may be open at once (0: any number)."""

    origins: Collection[str] = ()
    per_recipient: int = 20
    per_tenant: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts that the API needs, and nothing it would have to look for."""

    pool: Pool
    #: Secret of this installation: cursors are signed with it and API keys are hashed under it.
    secret: bytes
    #: Called after a commit with the queue that has new jobs.
    wake: Callable[[str], None]
    #: What changes in feeds, for those who follow them.
    live: Live
    feeds: FeedLimits = field(default_factory=FeedLimits)
    #: What published workflows say.
    definitions: Definitions = field(default_factory=Definitions)
    #: The locale of recipients without one.
    default_locale: str = "en"
    #: Bytes in a body, and in a body of a route that takes thousands of items.
    max_body: int = 1024 * 1024
    max_bulk_body: int = 8 * 1024 * 1024
    #: How much each tenant may ask, and how often an address may come without a key that opens.
    gate: Gate = field(default_factory=lambda: Gate(Quota()))
    strangers: Strangers = field(default_factory=lambda: Strangers(FAILED_KEYS))
    #: Which tenants may trigger more.
    allowance: Allowance = field(default_factory=Allowance)
    #: Accounts at providers, as the settings have them.
    accounts: Sequence[Account] = ()
    #: Opens one of them as workers do, to try it; None: nothing can be tried.
    open_account: Callable[[Account], Provider[Any]] | None = None
    #: The kinds of accounts that there are, by name.
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    #: Who may tell what became of messages, by kind and name as in the path; where it calls us; and how often.
    integrations: Mapping[tuple[str, str], Callbacks] = field(default_factory=dict)
    public_url: str = ""
    #: Who mail is from, where no workflow says.
    sender: str = ""
    #: By queue, the labels of the accounts that carry its messages, whose limits are shown with it.
    carriers: Carriers = field(default_factory=dict)
    tellers: Tellers = field(default_factory=lambda: Tellers(CALLBACKS))
    #: Who follows links in messages, and how often.
    visitors: Visitors = field(default_factory=Visitors)
    #: The same of pictures and links by which opens and clicks are known: apart, so that nobody is kept from
    #: unsubscribing by them.
    readers: Visitors = field(default_factory=lambda: Visitors(READS))
    #: Secrets of before, whose links still work.
    old_secrets: Sequence[bytes] = ()
    #: Which files go with mails, and where they may be fetched from.
    attachments: Rules = field(default_factory=Rules)
    attachment_guard: UrlGuard = field(default_factory=UrlGuard)
    #: Uploads of files that are read at the same time: each is in memory whole.
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))
    #: The categories that nobody can unsubscribe from, and when soft bounces suppress an address.
    critical: Collection[str] = ()
    #: What previews say of frequency caps and of verified addresses; None: nothing.
    caps: Caps | None = None
    verified: Verified | None = None
    soft: SoftRule = field(default_factory=SoftRule)
    #: So soon after a mail was sent, whoever opens it or follows a link counts as a machine.
    machine_within: timedelta = timedelta(seconds=3)
    #: Where besides the internet webhooks of recipients may be, and for how long an old secret of one signs as well.
    allow_networks: Sequence[Network] = ()
    overlap: timedelta = timedelta(days=1)
    #: What catches those that would leave this machine; None: nothing does.
    catching: Catching | None = None
    #: Tells bindings of what happens here; None: nobody listens.
    hearing: Hearing | None = None
    #: How long what is kept that is finished.
    ages: Ages = field(default_factory=lambda: dict.fromkeys(What, timedelta(days=90)))
    #: Whether each request is logged.
    access_log: bool = True
    #: How long a request waits for a connection to the database before it is answered 503.
    patience_s: float = 5.0
    #: What this process counts.
    metrics: Metrics = field(default_factory=Metrics)
    #: What `published` gives, once it was asked for.
    kept: list[Published] = field(default_factory=list, repr=False)

    @property
    def closing(self) -> asyncio.Event:
        """Set when this process is about to stop: answers that would go on for long end then."""
        return self.live.closing

    @property
    def cursors(self) -> Cursors:
        """What writes and reads the cursors of lists."""
        return Cursors(self.secret)

    @property
    def vault(self) -> Vault:
        """What seals secrets that have to be kept."""
        return Vault(self.secret, *self.old_secrets)

    @property
    def links(self) -> Links:
        """What makes and reads the links by which recipients unsubscribe."""
        return Links(self.secret, *self.old_secrets)

    @property
    def tokens(self) -> Tokens:
        """What makes and reads the tokens by which recipients read their feeds."""
        return Tokens(self.secret, *self.old_secrets)

    @property
    def traces(self) -> Traces:
        """What reads the tokens by which opens and clicks are known."""
        return Traces(self.secret, *self.old_secrets)

    @property
    def chat_kinds(self) -> Mapping[str, Kind]:
        """The kinds of accounts that reach chats, by name."""
        return {name: kind for name, kind in self.kinds.items() if kind.channel == Channel.CHAT.value}

    @property
    def chats(self) -> Chats:
        """What registers chats of recipients."""
        return Chats(self.vault)

    @property
    def allowed(self) -> Allowed:
        """Which files triggers may name."""
        return Allowed(rules=self.attachments, guard=self.attachment_guard)

    @property
    def webhooks(self) -> Webhooks:
        """What registers webhooks of recipients, and reads their secrets."""
        return Webhooks(self.vault, UrlGuard(self.allow_networks), self.catching)

    @property
    def published(self) -> Published:
        """Published workflows, words and all. Made when it is first asked for: it brings what renders them."""
        from clarion.flows.published import Published

        if not self.kept:
            self.kept.append(Published(default_locale=self.default_locale, keep=20))
        return self.kept[0]

    @property
    def pepper(self) -> bytes:
        """What API keys are hashed under."""
        return pepper_of(self.secret)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection to the database for one request."""
        async with self.pool.acquire(timeout=self.patience_s) as connection:
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[asyncpg.pool.PoolConnectionProxy[Any]]:
        """A connection in a transaction that is committed when the block ends well."""
        async with self.pool.acquire(timeout=self.patience_s) as connection, connection.transaction():
            yield connection
