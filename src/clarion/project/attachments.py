"""Files that go with mails: the settings of them, and what the parts that handle them are told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BeforeValidator

from clarion.domain.attachment import FORBIDDEN, LARGEST, Rules
from clarion.project import setting_types as types
from clarion.project.catcher import catching_of
from clarion.project.setting_groups import Names, Networks
from clarion.project.setting_kinds import KIB, MIB, Group, a

if TYPE_CHECKING:
    from clarion.http.url_guard import UrlGuard
    from clarion.project.settings import Settings


def _hosts(value: object) -> tuple[str, ...]:
    found = tuple(name.lower() for name in types.names(value))
    for name in found:
        if not re.fullmatch(r"\*|(\*\.)?[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?", name):
            raise ValueError(f"{name!r} is not the name of a host; expected for example files.shop.example")
    return found


Hosts = Annotated[tuple[str, ...], BeforeValidator(_hosts)]


class Attachments(Group):
    """Files that go with mails."""

    largest: int = a(
        LARGEST, "bytes of all files of one mail together; in a mail they take 37 % more", ge=KIB, le=100 * MIB
    )
    allowed_hosts: Hosts = a(
        (),
        "hosts that files may be fetched from, separated by commas; `*.shop.example` is those below a name, `*` any in "
        "the internet; empty means none",
    )
    allow_networks: Networks = a(
        (),
        "networks besides the internet that they may be fetched from, such as `10.20.0.0/16`, separated by commas; "
        "there also by plain HTTP and on any port",
    )
    forbidden_types: Names = a(FORBIDDEN, "endings of names of files that are not sent, separated by commas")


def rules_of(settings: Settings) -> Rules:
    """Which files go with mails."""
    own = settings.attachments
    return Rules(largest=own.largest, forbidden=frozenset(map(str.lower, own.forbidden_types)), hosts=own.allowed_hosts)


def guard_of(settings: Settings) -> UrlGuard:
    """From which addresses they may be fetched."""
    from clarion.http.url_guard import UrlGuard

    return UrlGuard(settings.attachments.allow_networks)


def taken_in(settings: Settings) -> dict[str, Any]:
    """What the API takes: how much in a body, which files, and for whom words are that name no locale; and how it tries
    out what goes out."""
    own = settings.api
    limits = {"max_body": own.max_body, "max_bulk_body": own.max_bulk_body, "default_locale": settings.default_locale}
    files = {"attachments": rules_of(settings), "attachment_guard": guard_of(settings)}
    own_words = {"sender": settings.email.sender or ""}
    hooks = {"allow_networks": settings.webhook.allow_networks, "overlap": settings.webhook.overlap}
    return {**limits, **files, **own_words, **hooks, "catching": catching_of(settings)}
