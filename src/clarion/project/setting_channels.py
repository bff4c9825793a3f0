"""The settings of channels, but for those of mail: tables of ``clarion.toml``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from clarion.project import setting_types as types
from clarion.project.catcher import read_catcher
from clarion.project.domain_types import origins
from clarion.project.setting_groups import Names, Networks
from clarion.project.setting_kinds import DAY, MINUTE, Duration, Group, a

Origins = Annotated[tuple[str, ...], BeforeValidator(origins)]
CatcherText = Annotated[Any, BeforeValidator(read_catcher)]
RateText = Annotated[Any, BeforeValidator(types.rate)]


class Sms(Group):
    """Text messages: through which provider, and how fast."""

    provider: str | None = a(
        None,
        "the account that carries them, by the name of its table `[providers.NAME]`; absent: the only one there is for "
        "text messages",
        max_length=64,
    )
    providers: Names = a(
        (), "several of them instead: the first is used, and each of the others where those before it cannot be"
    )
    rate: RateText | None = a(
        None, "how fast they are handed to the provider, by all workers together: `20/s`, `5000/h`, `20/s burst 5`"
    )


class Push(Group):
    """Push messages: through which provider, and how fast."""

    provider: str | None = a(
        None,
        "the account that carries them, by the name of its table `[providers.NAME]`; absent: the only one of each kind "
        "there is for push messages",
        max_length=64,
    )
    providers: Names = a(
        (), "several of them instead: the first is used, and each of the others where those before it cannot be"
    )
    rate: RateText | None = a(
        None, "how fast they are handed to the provider, by all workers together: `20/s`, `5000/h`, `20/s burst 5`"
    )


class Chat(Group):
    """Messages to chats: through which providers, and how fast."""

    provider: str | None = a(
        None,
        "the account that alone carries them, by the name of its table `[providers.NAME]`; absent: each one there is "
        "for chats, those of its kind",
        max_length=64,
    )
    providers: Names = a(
        (),
        "some of them instead: of those of a kind the first is used, and each of the others where those before it "
        "cannot be",
    )
    rate: RateText | None = a(
        None, "how fast they are handed to the provider, by all workers together: `20/s`, `5000/h`, `20/s burst 5`"
    )


class Feed(Group):
    """Feeds of recipients that are followed live."""

    origins: Origins = a(
        (),
        "origins of the pages from which recipients may read their feeds, such as `https://app.example`, separated by "
        "commas; pages of no other may",
    )
    per_recipient: int = a(20, "streams that a recipient may have open at once, on one API process", ge=1, le=10_000)
    per_tenant: int = a(10_000, "the same of all recipients of a tenant; 0: any number", ge=0, le=1_000_000)


class Webhook(Group):
    """Webhooks of recipients: where they may be, how long one may fail, and how fast they are posted to."""

    allow_networks: Networks = a(
        (),
        "networks besides the internet that webhooks of recipients may reach, such as `10.20.0.0/16`, separated by "
        "commas; there also by plain HTTP and on any port; absent under `clarion up`: this machine, where the API "
        "listens on it alone",
    )
    catcher: CatcherText | None = a(
        None,
        "where on this machine webhooks are posted that would leave for the internet, to be looked at; absent under "
        "`clarion up` as long as it catches mail: its own catcher; `none`: they are posted to where they are",
    )
    disable_after: Duration = a(
        5 * DAY, "a webhook at which nothing arrives for so long is disabled", ge=MINUTE, le=366 * DAY
    )
    overlap: Duration = a(
        DAY, "how long the secret of before signs as well when a secret is changed", ge=0 * DAY, le=30 * DAY
    )
    rate: RateText | None = a(
        None,
        "how fast they are posted to, all of them together, by all workers: `20/s`, `5000/h`, `20/s burst 5`",
    )
