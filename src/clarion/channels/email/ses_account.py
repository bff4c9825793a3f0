"""What an account at Amazon SES needs. How it is used: `clarion.channels.email.ses`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from clarion.channels.account import Account, Kind, Option
from clarion.channels.aws.account import ACCESS, REGION, check_access, endpoint
from clarion.channels.base import Callbacks, Provider
from clarion.channels.options import CONNECTIONS, FAKE, read_age
from clarion.domain.duration import parse_duration
from clarion.errors import Invalid

_SET = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOPIC = re.compile(r"arn:aws(?:-cn|-us-gov)?:sns:(?P<region>[a-z0-9-]{6,30}):[0-9]{12}:[A-Za-z0-9_-]{1,256}")


def api_of(account: Account) -> str:
    """Where the API of *account* is spoken to."""
    return endpoint(account, "email")


def region_of(topic: str) -> str:
    """The region in which a *topic* is, by its ARN."""
    found = _TOPIC.fullmatch(topic)
    assert found is not None
    return found["region"]


def _configuration_set(text: str) -> str:
    if not _SET.fullmatch(text):
        raise Invalid("expected the name of a configuration set: up to 64 letters, digits, dashes and underscores")
    return text


def _topic(text: str) -> str:
    if not _TOPIC.fullmatch(text):
        raise Invalid("expected the ARN of a topic, for example arn:aws:sns:eu-west-1:123456789012:mail-events")
    return text


def _check(account: Account) -> Iterator[str]:
    yield from check_access(account)
    topic = account.get("topic_arn")
    if topic is not None and region_of(topic) != account["region"]:
        yield f"the topic of `topic_arn` is in {region_of(topic)}: SES publishes to topics of its own region alone"


def _open(account: Account) -> Provider[Any]:
    from clarion.channels.email.ses import Ses

    return Ses(account)


def _callbacks(account: Account) -> Callbacks:
    from clarion.channels.aws.sns_authority import Authority
    from clarion.channels.email.ses_callbacks import SesCallbacks

    topic = account.get("topic_arn")
    authority = Authority(region=account["region"], fake=account.get("base_url"))
    return SesCallbacks(topic, authority, age=parse_duration(account["callback_age"]))


SES = Kind(
    name="ses",
    channel="email",
    says="mail through Amazon SES, by its API of version 2",
    options=(
        REGION,
        *ACCESS,
        Option(
            key="configuration_set",
            says="the configuration set that mails go by: SES publishes what becomes of them as it says; unless given, "
            "that of the sender's identity",
            read=_configuration_set,
        ),
        Option(
            key="topic_arn",
            says="the SNS topic that SES publishes what becomes of mails to; without one, nothing is believed",
            read=_topic,
        ),
        Option(
            key="callback_age",
            says="how old what SNS tells may be, by the time that it signs: `1m` to `2d`",
            read=read_age,
            default="1h",
        ),
        CONNECTIONS,
        FAKE,
    ),
    open=_open,
    callbacks=_callbacks,
    check=_check,
    address=api_of,
    largest_callback=512 * 1024,
)
