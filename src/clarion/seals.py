"""What the secret of the installation seals: links and marks in messages, return paths, secrets kept for others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clarion.config import Settings, secret_of

if TYPE_CHECKING:
    from clarion.domain.return_path import ReturnPaths
    from clarion.domain.vault import Vault
    from clarion.flows.tracking import Tracking
    from clarion.flows.unsubscribe import Offers
    from clarion.flows.webhooks import Webhooks


def vault_of(settings: Settings) -> Vault:
    """What seals the secrets that are kept for others."""
    from clarion.domain.vault import Vault

    old = (one.get_secret_value().encode() for one in settings.suppression.old_secrets)
    return Vault(secret_of(settings).encode(), *old)


def offers_of(settings: Settings) -> Offers | None:
    """The links by which recipients unsubscribe; None where nobody could follow one."""
    if settings.public_url is None:
        return None
    from clarion.domain.unsubscribe import Links
    from clarion.flows.unsubscribe import Offers

    own = settings.suppression
    links = Links(secret_of(settings).encode())
    return Offers(links, settings.public_url, critical=own.critical_categories, one_click=own.one_click)


def tracking_of(settings: Settings) -> Tracking | None:
    """What makes mails tell of opens and clicks; None where nobody could hear of it."""
    if settings.public_url is None:
        return None
    from clarion.domain.engagement import Traces
    from clarion.flows.tracking import Tracking

    own, traces = settings.tracking, Traces(secret_of(settings).encode())
    return Tracking(traces, settings.public_url, opens=own.opens, clicks=own.clicks)


def return_paths_of(settings: Settings) -> ReturnPaths | None:
    """The addresses that mails come back to; None where they come back to their senders."""
    if settings.email.bounce_address is None:
        return None
    from clarion.domain.return_path import ReturnPaths

    old = [one.get_secret_value().encode() for one in settings.suppression.old_secrets]
    return ReturnPaths(settings.email.bounce_address, secret_of(settings).encode(), *old)


def webhooks_of(settings: Settings) -> Webhooks:
    """What registers webhooks of recipients, and reads their secrets."""
    from clarion.flows.webhooks import Webhooks
    from clarion.http.url_guard import UrlGuard

    return Webhooks(vault_of(settings), UrlGuard(settings.webhook.allow_networks))
