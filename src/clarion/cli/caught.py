"""What `up` tells its processes of the catcher: mail goes there, and so do channels for which there is no account."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from importlib.util import find_spec
from typing import Any

from clarion.cli.port import address
from clarion.config import Settings
from clarion.dev.fakes.chats import ACCOUNTS
from clarion.domain.workflow import Channel
from clarion.project.providers import tables

#: The account that stands for the catcher's gateway, and how those for chats begin; the sender of its text messages.
_NAME, _SENDER = "caught", "Clarion"


def caught_settings(settings: Settings, facts: Mapping[str, Any]) -> dict[str, str]:
    """Variables for workers and API, by what the catcher told of itself (*facts*).

    Text messages are caught where *settings* have no account for them, and messages to chats and push messages of each
    kind of which they have none; webhooks of recipients, where they would leave this machine and its own networks. What
    the gateway tells of text messages later comes back to the API on this machine, unless the settings say where that
    is reached, or it takes a free port.
    """
    told = {"CLARION_SMTP_URL": f"smtp://127.0.0.1:{facts['smtp_port']}"}
    if settings.webhook.catcher is None:
        told["CLARION_WEBHOOK_CATCHER"] = facts["webhook"]
    accounts = settings.providers
    kinds = {account.kind.name for account in accounts}
    caught: dict[str, dict[str, str]] = {}
    if all(account.kind.channel != Channel.SMS for account in accounts):
        caught[_NAME] = {"kind": "twilio", "from": _SENDER, **facts["sms"]}
        if settings.public_url is None and settings.port:
            told["CLARION_PUBLIC_URL"] = address(settings.host, settings.port)
    if not settings.chat.provider and not settings.chat.providers:  # else it is said who carries chats
        rooms = {kind: account for kind, account in ACCOUNTS.items() if kind not in kinds}
        for kind, account in rooms.items():
            caught[f"{_NAME}-{kind}"] = {"kind": kind, "base_url": facts["chat"], **account}
        if "apprise" not in kinds and find_spec("apprise") is not None:
            caught[f"{_NAME}-apprise"] = {"kind": "apprise", "url": facts["apprise"]}
    if not settings.push.provider and not settings.push.providers:
        caught |= {
            f"{_NAME}-{kind}": {"kind": kind, **table} for kind, table in facts["push"].items() if kind not in kinds
        }
    taken = {account.name for account in accounts}
    named = {_free(name, taken): table for name, table in caught.items()}
    if named:
        told["CLARION_PROVIDERS"] = json.dumps(tables(accounts) | named)
    return told


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name
