"""What accounts at Amazon Web Services have in common: a region, and the access key of a user or a role.

A role's keys are for a time: from where they are had, `clarion.channels.aws.access` says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from clarion.channels.account import Account, Option, one_line
from clarion.channels.options import is_here
from clarion.errors import Invalid

_REGION = re.compile(r"[a-z]{2}(-[a-z]+){1,3}-[0-9]{1,2}")
_ACCESS_KEY = re.compile(r"A[KS]IA[A-Z0-9]{12,124}")
_FOR_A_TIME = "ASIA"
_SECRET = re.compile(r"[A-Za-z0-9/+=]{40,128}")
_CHINA = "cn-"
_TOKEN = re.compile(r"[A-Za-z0-9/+=_-]{16,8192}")
_ROLE = re.compile(r"arn:aws(?:-cn|-us-gov)?:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]{1,512}")
#: Where Amazon's own libraries ask for keys without encryption: ECS's agent, EKS's (Pod Identity), and IMDS.
ECS = "http://169.254.170.2"
_NEXT_DOOR = frozenset({"169.254.170.2", "169.254.170.23", "fd00:ec2::23"})
_METADATA = frozenset({"169.254.169.254", "fd00:ec2::254"})


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
        raise Invalid("expected AKIA or ASIA and 16 letters and digits")
    return text


def _secret(text: str) -> str:
    if not _SECRET.fullmatch(one_line(text)):
        raise Invalid("expected 40 letters, digits, slashes and plus signs, as Amazon shows it once")
    return text


REGION = Option(key="region", says="Amazon's region, such as `eu-west-1`", read=_region, required=True)
KEYS, CONTAINER, WEB_IDENTITY, INSTANCE = "keys", "container", "web_identity", "instance"
#: What of the options below belongs to which way to come by keys.
_OF: Mapping[str, tuple[str, ...]] = {
    KEYS: ("access_key_id", "secret_access_key", "session_token"),
    CONTAINER: ("container_url", "container_token_file"),
    WEB_IDENTITY: ("role_arn", "web_identity_token_file"),
    INSTANCE: (),
}


def check_access(account: Account) -> Iterator[str]:
    """What is wrong with how *account* is to come by its keys, as far as its table says it."""
    way = account["credentials"]
    for other in _OF:
        for key in _OF[other] if other != way else ():
            if account.get(key) is not None:
                yield f"`{key}` is for `credentials = {other}`, and they are {way}"
    if way != KEYS:
        return
    for key in ("access_key_id", "secret_access_key"):
        if account.get(key) is None:
            yield f"`{key}` is missing: give it, or say by `credentials` where a role's are to be had"
    is_for_a_time = (account.get("access_key_id") or "").startswith(_FOR_A_TIME)
    if is_for_a_time != (account.get("session_token") is not None):
        yield "a key for a time, `ASIA…`, has a `session_token`, and no other has one"


def _way(text: str) -> str:
    if text not in _OF:
        raise Invalid(f"expected {', '.join(list(_OF)[:-1])} or {INSTANCE}")
    return text


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise Invalid("expected the letters, digits and signs that came with the key")
    return text


def _role(text: str) -> str:
    if not _ROLE.fullmatch(text):
        raise Invalid("expected the ARN of a role, for example arn:aws:iam::123456789012:role/clarion")
    return text


def _container_url(text: str) -> str:
    """Keys go by it unencrypted: so only to where Amazon's own libraries would ask for them, too."""
    from clarion.http.url_guard import parse_url  # only where there is one: it brings `idna` with it

    if text.startswith("/"):
        text = ECS + text
    url = parse_url(text)
    if url.scheme != "https" and not is_here(url) and str(url.address) not in _NEXT_DOOR:
        raise Invalid(
            "expected https://, or an address of ECS's, EKS's or this machine's, as AWS gives it to containers"
        )
    return text


def _metadata_url(text: str) -> str:
    from clarion.http.url_guard import parse_url

    url = parse_url(text)
    if url.path != "/" or url.query or not (is_here(url) or str(url.address) in _METADATA):
        raise Invalid("expected http://169.254.169.254, http://[fd00:ec2::254], or a fake on this machine")
    return text.rstrip("/")


#: How the account comes by its keys.
ACCESS = (
    Option(
        key="credentials",
        says="whose keys sign: `keys`, those below; or a role's, from the `container` (ECS, EKS Pod Identity), for the "
        "`web_identity` of a service account (EKS), or from the `instance` (EC2)",
        read=_way,
        default=KEYS,
    ),
    Option(key="access_key_id", says="the access key of a user, `AKIA…`, or one for a time, `ASIA…`", read=_access_key),
    Option(key="secret_access_key", says="its secret", read=_secret, secret=True),
    Option(key="session_token", says="what comes with a key for a time", read=_token, secret=True),
    Option(
        key="container_url",
        says="where a container's keys are; unless given, what `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or "
        "`AWS_CONTAINER_CREDENTIALS_FULL_URI` says",
        read=_container_url,
        variables=("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    ),
    Option(
        key="container_token_file",
        says="the file with what opens that; unless given, what `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` says",
        variables=("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",),
    ),
    Option(
        key="role_arn",
        says="the role of a service account; unless given, what `AWS_ROLE_ARN` says",
        read=_role,
        variables=("AWS_ROLE_ARN",),
    ),
    Option(
        key="web_identity_token_file",
        says="the file with the service account's token; unless given, what `AWS_WEB_IDENTITY_TOKEN_FILE` says",
        variables=("AWS_WEB_IDENTITY_TOKEN_FILE",),
    ),
    Option(
        key="metadata_url",
        says="where an instance's metadata are",
        read=_metadata_url,
        default="http://169.254.169.254",
        variables=("AWS_EC2_METADATA_SERVICE_ENDPOINT",),
    ),
)
