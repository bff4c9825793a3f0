"""The settings of what comes back of mails: tables of ``clarion.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import BeforeValidator, SecretStr

from clarion.errors import ConfigError, Invalid
from clarion.project import setting_types as types
from clarion.project.mistake import Mistake
from clarion.project.setting_kinds import HOUR, KIB, MIB, MINUTE, SECOND, Duration, Group, a


def bounce_address(value: object) -> str:
    from clarion.domain.return_path import parse_bounce_address  # only where there is one

    if not isinstance(value, str):
        raise ValueError("expected an address such as bounces@mail.example.com")
    try:
        return parse_bounce_address(value)
    except Invalid as error:
        raise ValueError(error.message) from None


def listen(value: object) -> str:
    """A host and a port."""
    from clarion.channels.email.settings import is_host  # only where there is one

    if isinstance(value, str):
        host, colon, port = value.rpartition(":")
        bare = host.removeprefix("[").removesuffix("]")
        if colon and port.isascii() and port.isdecimal() and int(port[:6]) < 65_536 and is_host(bare):
            return value
    raise ValueError("expected an address and a port such as 0.0.0.0:25, or [::]:25")


def imap_url(value: object) -> SecretStr:
    from clarion.channels.bounces.mailbox import parse_imap_url  # only where there is one

    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    if not isinstance(text, str):
        raise ValueError("expected an address such as imaps://user:password@host/INBOX")
    try:
        parse_imap_url(text)  # its messages never hold the password
    except ConfigError as error:
        raise ValueError(error.message) from None
    return SecretStr(text)


Names = Annotated[tuple[str, ...], BeforeValidator(types.names)]
BounceAddress = Annotated[str, BeforeValidator(bounce_address)]
Listen = Annotated[str, BeforeValidator(listen)]
ImapUrl = Annotated[SecretStr, BeforeValidator(imap_url)]


class Bounces(Group):
    """How mails that come back to `email.bounce_address` are read: workers with `--bounces` do it."""

    listen: Listen | None = a(None, "where to listen for them as a mail server, such as `0.0.0.0:25`; absent: nowhere")
    tls_certificate: str | None = a(
        None,
        "a PEM file with the certificate, and its chain, by which the listener offers encryption (STARTTLS); read anew "
        "when it changes; absent: it does not encrypt",
        min_length=1,
    )
    tls_key: str | None = a(None, "the PEM file of its key", min_length=1)
    imap_url: ImapUrl | None = a(
        None, "the mailbox that they come to: `imaps://user:password@host:993/INBOX`; absent: none"
    )
    imap_done: str | None = a(
        None,
        "the folder that mails are moved to once they are read; absent: they stay, marked as read",
        min_length=1,
        max_length=200,
    )
    imap_every: Duration = a(
        MINUTE,
        "how often the mailbox is looked into while its server does not tell that mail comes (IMAP IDLE)",
        ge=SECOND,
        le=24 * HOUR,
    )
    max_size: int = a(
        MIB,
        "octets of one mail: a larger one is refused, and of one in the mailbox no more is read",
        ge=16 * KIB,
        le=32 * MIB,
    )
    rate: int = a(600, "mails a minute that are taken, from all servers together", ge=1, le=1_000_000)


class Tracking(Group):
    """Which mails tell of it when they are opened and their links followed; none, unless a workflow says so itself."""

    opens: Names = a((), "categories, separated by commas, whose mails tell when they are opened; `*` is every mail")
    clicks: Names = a((), "categories whose mails tell when a link in them is followed; `*` is every mail")
    machine_within: Duration = a(
        3 * SECOND,
        "an open or a click so soon after a mail was sent is counted as one by a machine",
        ge=0 * SECOND,
        le=HOUR,
    )


def lacking(values: Mapping[str, object], origins: Mapping[str, str], lines: Mapping[str, int]) -> Iterator[Mistake]:
    """What is set and of no use without something else."""
    from clarion.project.settings_file import place_of  # which needs the settings themselves

    for name in ("bounces.listen", "bounces.imap_url"):
        if values.get(name) and not values.get("email.bounce_address"):
            message = f"{name} is of no use without email.bounce_address"
            yield Mistake(**place_of(name, origins, lines), message=message, hint="set where mails come back to")
    pair = ("bounces.tls_certificate", "bounces.tls_key")
    for name, other in (pair, pair[::-1], (pair[0], "bounces.listen")):
        if values.get(name) and not values.get(other):
            message = f"{name} is of no use without {other}"
            yield Mistake(**place_of(name, origins, lines), message=message, hint=f"set {other} too")
    for name in ("tracking.opens", "tracking.clicks"):
        if values.get(name) and not values.get("public_url"):
            message = f"{name} is of no use without public_url"
            yield Mistake(**place_of(name, origins, lines), message=message, hint="set where the API is reached")
