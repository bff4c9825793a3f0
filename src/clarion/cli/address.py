"""Which running system a command speaks to, and with which key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from clarion.cli.refused import Unauthorised
from clarion.cli.remote import Remote
from clarion.errors import ConfigError

if TYPE_CHECKING:
    from clarion.cli.running import Running
    from clarion.config import Settings


def remote(
    url: str | None,
    api_key: str | None,
    project: Path | None,
    data_dir: Path | None,
    insecure: bool | None = None,
) -> Remote:
    """The system at *url*, else the `clarion up` that runs on this data folder, else the host and port configured.

    A key that `up` has left in the data folder is used for that system alone: no other address is told it. Raises
    `Unauthorised` when there is no key, and `ConfigError` where it would cross the network in the clear, unless that is
    allowed: by *insecure*, or by the setting.
    """
    if url is not None and api_key is not None and (insecure or not _is_in_the_clear(url)):
        return Remote(url, api_key)
    from clarion.cli.port import address as address_of
    from clarion.cli.running import find
    from clarion.config import load_settings

    settings = load_settings({"project": project, "data_dir": data_dir, "insecure": insecure})
    running = find(settings.data_dir)
    address = url or (running.address if running else address_of(settings.host, settings.port))
    key = api_key or _key(settings, running, address)
    if key is None:
        raise Unauthorised(
            f"There is no API key for {address}. Give one with --api-key or CLARION_API_KEY;"
            " `clarion keys create` makes one."
        )
    if not settings.insecure and _is_in_the_clear(address):
        raise ConfigError(
            f"Nothing is sent: the API key would cross the network to {urlsplit(address).hostname} in the clear."
            " Give an address with https://; or, where the network between is trusted, say --insecure"
            " (CLARION_INSECURE=true)."
        )
    return Remote(address, key)


def _is_in_the_clear(address: str) -> bool:
    """Whether what is said to *address* crosses a network in the clear."""
    parts = urlsplit(address)
    if parts.scheme != "http" or parts.hostname in (None, "localhost", "127.0.0.1", "::1"):
        return False
    from clarion.wires import is_here

    return not is_here(parts.hostname)


def _key(settings: Settings, running: Running | None, address: str) -> str | None:
    if settings.api_key is not None:
        return settings.api_key.get_secret_value()
    if running is not None and running.address == address.rstrip("/"):
        return running.api_key
    return None
