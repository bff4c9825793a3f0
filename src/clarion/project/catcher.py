"""Where webhooks are caught that would leave this machine: how the setting is read, and what comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clarion.errors import Invalid

if TYPE_CHECKING:
    from clarion.http.catching import Catching
    from clarion.project.settings import Settings

_NONE = "none"


def read_catcher(value: object) -> str:
    """The URL of a catcher on this machine, or ``none``."""
    if value == _NONE:
        return _NONE
    from clarion.channels.options import is_here  # only where there is one
    from clarion.http.url_guard import parse_url

    try:
        here = isinstance(value, str) and is_here(parse_url(value))
    except Invalid as error:
        raise ValueError(error.message) from None
    if not here:
        raise ValueError("expected an address on this machine, for example http://127.0.0.1:8025/caught, or none")
    return str(value)


def catching_of(settings: Settings) -> Catching | None:
    """What catches webhooks of recipients that would leave this machine; None where all are posted."""
    where = settings.webhook.catcher
    if where is None or where == _NONE:
        return None
    from clarion.http.catching import Catching

    return Catching(where, settings.webhook.allow_networks)
