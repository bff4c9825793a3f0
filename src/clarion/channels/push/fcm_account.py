"""What an account at Firebase Cloud Messaging needs. How it is used: `clarion.channels.push.fcm`."""

from __future__ import annotations

from typing import Any

from clarion.channels.account import Account, Kind, Option
from clarion.channels.base import Provider
from clarion.channels.options import CHANNEL, read_connections, read_origin


def _service_account(text: str) -> str:
    from clarion.channels.push.service_account import parse_service_account  # only where there is one

    parse_service_account(text)
    return text


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.push.fcm import Fcm

    return Fcm(account)


FCM = Kind(
    name="fcm",
    channel="push",
    says="push messages through Firebase Cloud Messaging (HTTP v1), to Android, Apple's systems and browsers",
    options=(
        Option(
            key="service_account",
            says="the JSON of a service account's key that may send messages, as Firebase's console gives it out; the "
            "project is the one it names",
            read=_service_account,
            required=True,
            secret=True,
        ),
        Option(
            key="base_url",
            says="where the API is; on this machine also by http, a fake",
            read=read_origin,
            default="https://fcm.googleapis.com",
        ),
        Option(
            key="connections",
            says="requests that are on their way at once, per worker process: 1 to 200",
            read=read_connections,
            default="50",
        ),
        CHANNEL,
    ),
    open=_open,
)
