"""What an account on an SMTP server needs. How it is used: `clarion.channels.email.smtp`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from clarion.channels.account import Account, Kind, Option
from clarion.channels.base import Provider
from clarion.errors import ConfigError, Invalid

if TYPE_CHECKING:
    from clarion.channels.email.settings import SmtpSettings


def smtp_of(account: Account) -> SmtpSettings:
    """How the server of *account* is spoken to."""
    from clarion.channels.email.url import parse_smtp_url  # only where there is one: it brings `ssl` with it

    url = _with_password(account["url"], account.get("password"))
    return parse_smtp_url(url, from_domains=account.from_domains)


def _read_url(text: str) -> str:
    """The address of a server, as `parse_smtp_url` has it; that its password is missing is found out later."""
    from clarion.channels.email.url import parse_smtp_url

    try:
        parse_smtp_url(text if _has_password(text) else _with_password(text, "x"))  # its messages hold no password
    except (ConfigError, ValueError) as error:
        raise Invalid(error.message if isinstance(error, ConfigError) else "it is no address of a server") from None
    return text


def _check(account: Account) -> Iterator[str]:
    user, given = urlsplit(account["url"]).username, account.get("password")
    if given is not None and _has_password(account["url"]):
        yield "its password is given twice: in `url`, and as `password`"
    elif given is not None and not user:
        yield "there is a `password`, and no user in `url`: write smtp://user@host:587"
    elif user and given is None and not _has_password(account["url"]):
        yield "`password` is missing: there is a user in `url`"


def _has_password(url: str) -> bool:
    return urlsplit(url).password is not None


def _with_password(url: str, password: str | None) -> str:
    parts = urlsplit(url)
    if password is None or not parts.username:
        return url
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{parts.username}:{quote(password, safe='')}@{host}").geturl()


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.email.smtp import SmtpProvider

    return SmtpProvider(
        smtp_of(account),
        name=account.label,
        turns=account.turns,
        signer=account.signer,
        return_path=account.return_path,
    )


SMTP = Kind(
    name="smtp",
    channel="email",
    says="mail through an SMTP server",
    options=(
        Option(
            key="url",
            says="the server, as `smtp_url` has it: `smtp://user:password@host:587` or `smtps://…`",
            read=_read_url,
            required=True,
            secret=True,
        ),
        Option(key="password", says="the password of the user in `url`, where it does not stand there", secret=True),
    ),
    open=_open,
    check=_check,
    address=lambda _: None,
)
