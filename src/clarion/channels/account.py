"""What an account at a provider needs: each kind of provider declares it, and settings, checks and pages go by that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from clarion.channels.base import Callbacks, Provider, label_of
from clarion.domain.rate import Rate
from clarion.errors import Invalid
from clarion.turns import Turns

if TYPE_CHECKING:
    from clarion.channels.email.dkim import Signer

_LONGEST = 4_000

#: What a provider has to tell at once fits in this, unless its kind says otherwise.
LARGEST_CALLBACK = 256 * 1024


def one_line(text: str) -> str:
    """*text*, if it may stand in a header or a form. Raises `Invalid` that does not repeat it."""
    if not text or text != text.strip():
        raise Invalid("it is empty, or has blanks around it")
    if not text.isprintable():
        raise Invalid("it has a line break or another control character")
    if len(text) > _LONGEST:
        raise Invalid(f"it is longer than {_LONGEST:,} characters")
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One setting of an account."""

    key: str
    #: What it is, for pages.
    says: str
    #: Gives the value in its usual form; raises `Invalid` that says what is wrong, and of a secret never what it is.
    read: Callable[[str], str] = one_line
    default: str | None = None
    required: bool = False
    #: Variables of the environment that say it where the table does not: the first that is there.
    variables: tuple[str, ...] = ()
    #: Never shown. May be given as the name of a file that holds it, by the same key with ``_file`` behind it.
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account at one provider, as the settings have it: checked, and never shown whole."""

    #: How the operator calls it.
    name: str
    kind: Kind
    #: By key; those that are absent and have no default are missing.
    values: Mapping[str, str] = field(repr=False)
    #: Where the provider is to tell what became of a message; None: nowhere.
    callback_url: str | None = None
    #: Of mail: the domains that may stand in From, in lower case; ``*`` is any, none at all allows none.
    from_domains: frozenset[str] = frozenset()
    #: How fast messages are handed to it, by all workers together; None is as fast as can be.
    rate: Rate | None = None
    #: Of mail that is handed over whole: what signs it.
    signer: Signer | None = None
    #: Of mail: where that of a message comes back to, where we choose that; None: to its sender.
    return_path: Callable[[UUID], str] | None = None
    #: What long calls share with other long work of the process; None where there is nothing to share.
    turns: Turns | None = field(default=None, repr=False, compare=False)
    #: What it is called with limits and attempts where that is not `label_of` it: the SMTP server of `smtp_url`.
    known_as: str | None = None

    def __str__(self) -> str:
        return f"{self.name} ({self.kind.name})"

    @property
    def label(self) -> str:
        """`label_of` it, or what else it is known as."""
        return self.known_as or label_of(self.kind.name, self.name)

    def __getitem__(self, key: str) -> str:
        """A value that is required or has a default."""
        return self.values[key]

    def get(self, key: str) -> str | None:
        return self.values.get(key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of provider: what its accounts need, and what makes the parts that speak to it.

    The functions import what they need when they are called, so that settings can be read without it.
    """

    #: What `kind` in the settings says, e.g. ``twilio``.
    name: str
    #: The channel whose messages it carries, e.g. ``sms``.
    channel: str
    #: What it is, for pages.
    says: str
    options: tuple[Option, ...]
    open: Callable[[Account], Provider[Any]]
    #: What believes or refuses what the provider tells later; None where it tells nothing.
    callbacks: Callable[[Account], Callbacks] | None = None
    #: What is wrong with an account that no option shows by itself, each as a sentence.
    check: Callable[[Account], Iterable[str]] = lambda _: ()
    #: Of push: a device's token as accounts of this kind take it, in its usual form, where *accounts* of it are set up.
    #: Raises `Invalid` (``invalid_token``) that does not repeat it.
    read_token: Callable[[str, Sequence[Account]], str] = lambda token, _: token
    #: Of chats: gives where one is in its usual form; raises `Invalid` that repeats none of it. None: there is no way
    #: to say, and every chat is the account's own room.
    read_chat: Callable[[str], str] | None = None
    #: Where the provider is spoken to, as a URL; None where that shows only when something is sent.
    address: Callable[[Account], str | None] = lambda account: account.get("base_url")
    #: Why no account of this kind takes what was rendered for its channel, though others may: as its provider decides
    #: before it asks anybody. None where it may be taken.
    too_large: Callable[[Any], str | None] = lambda _: None
    #: How many bytes a request may have in which it tells something later.
    largest_callback: int = LARGEST_CALLBACK
