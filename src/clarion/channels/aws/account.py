"""What accounts at Amazon Web Services have in common: a region, and the access key of a user."""

from __future__ import annotations

import re

from clarion.channels.account import Account, Option, one_line
from clarion.errors import Invalid

_REGION = re.compile(r"[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}")
_ACCESS_KEY = re.compile(r"AKIA[A-Z0-9]{12,124}")
_SECRET = re.compile(r"[A-Za-z0-9/+=]{40,128}")
_CHINA = "cn-"


def domain_of(region: str) -> str:
    """Under which Amazon's servers in *region* are."""
    return "amazonaws.com.cn" if region.startswith(_CHINA) else "amazonaws.com"


def endpoint(account: Account, service: str) -> str:
    """Where *service* is spoken to in the account's region, or the fake that stands for it."""
    region = account["region"]
    return account.get("base_url") or f"https://{service}.{region}.{domain_of(region)}"


def _region(text: str) -> str:
    if not _REGION.fullmatch(text):
        raise Invalid("expected a region as Amazon names it, for example eu-west-1")
    return text


def _access_key(text: str) -> str:
    if not _ACCESS_KEY.fullmatch(text):
        raise Invalid("expected AKIA and 16 letters and digits: the access key of a user, not one for a time")
    return text


def _secret(text: str) -> str:
    if not _SECRET.fullmatch(one_line(text)):
        raise Invalid("expected 40 letters, digits, slashes and plus signs, as Amazon shows it once")
    return text


REGION = Option(key="region", says="Amazon's region, such as `eu-west-1`", read=_region, required=True)
ACCESS_KEY = Option(key="access_key_id", says="the access key of a user, `AKIA…`", read=_access_key, required=True)
SECRET = Option(key="secret_access_key", says="its secret", read=_secret, required=True, secret=True)
