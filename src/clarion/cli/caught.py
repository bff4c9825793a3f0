"""What `up` tells its processes of the catcher: mail goes there, and so do channels for which there is no account."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clarion.cli.port import address
from clarion.config import Settings
from clarion.domain.workflow import Channel
from clarion.project.providers import tables

#: The account that stands for the catcher's gateway; and the sender that its text messages have.
_NAME, _SENDER = "caught", "Clarion"


def caught_settings(settings: Settings, facts: Mapping[str, Any]) -> dict[str, str]:
    """Variables for workers and API, by what the catcher told of itself (*facts*).

    Text messages are caught where *settings* have no account for them. What the gateway tells of them later comes back
    to the API on this machine, unless the settings say where that is reached, or it takes a free port.
    """
    told = {"CLARION_SMTP_URL": f"smtp://127.0.0.1:{facts['smtp_port']}"}
    accounts = settings.providers
    if any(account.kind.channel == Channel.SMS for account in accounts):
        return told
    name = _NAME
    while any(account.name == name for account in accounts):
        name += "_"
    gateway = {"kind": "twilio", "from": _SENDER, **facts["sms"]}
    told["CLARION_PROVIDERS"] = json.dumps(tables(accounts) | {name: gateway})
    if settings.public_url is None and settings.port:
        told["CLARION_PUBLIC_URL"] = address(settings.host, settings.port)
    return told
