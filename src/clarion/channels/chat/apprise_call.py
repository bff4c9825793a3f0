"""One call of Apprise: it blocks, and is made in a thread of its own."""

from __future__ import annotations

import logging

import apprise

from clarion.channels.chat.apprise_answer import NO_SERVICE, outcome_of
from clarion.channels.chat.apprise_reading import bound
from clarion.domain.card import lines_of
from clarion.domain.content import ChatContent
from clarion.domain.outcome import Outcome, Uncertain
from clarion.http.reply import printable

#: Its logs go into the reasons of messages, not to wherever the process writes its own.
logging.getLogger("apprise").propagate = False
logging.getLogger("apprise").addHandler(logging.NullHandler())
bound()


def is_known(url: str) -> bool:
    """Whether Apprise makes a service of *url*."""
    return _service(url) is not None


def notify(url: str, content: ChatContent) -> Outcome:
    """Say *content* to the service at *url*. Never raises."""
    try:
        service = _service(url)
        if service is None:
            return NO_SERVICE
        # A failure is to be told as one, only Clarion tries again, and a redirect leads nowhere.
        service.optional, service.retry, service.redirects = False, 0, False
        caller = apprise.Apprise(asset=_asset())
        caller.add(service)
        lines = [content.text, content.url or "", *lines_of(content)]
        result = caller.notify(
            body="\n".join(filter(None, lines)),
            title=content.title or "",
            body_format=apprise.NotifyFormat.TEXT,
            log_level=logging.WARNING,
        )
        said = [entry.message for one in result for attempt in one for entry in attempt]
        return outcome_of(result.status.name, service.service_name or "the service", said)
    except Exception as error:  # a plugin's; whether it was before or after it sent something, nobody can know
        return Uncertain(printable(f"{type(error).__name__}: {error}".replace(url, "••••")))


def _service(url: str) -> apprise.NotifyBase | None:
    found: apprise.NotifyBase | None = apprise.Apprise.instantiate(url, asset=_asset())
    return found


def _asset() -> apprise.AppriseAsset:
    return apprise.AppriseAsset(app_id="Clarion", app_desc="Clarion", async_mode=False, secure_logging=True)
