"""The key file of a Google service account: JSON as the console of Firebase gives it out."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from clarion.channels.options import is_here
from clarion.errors import Invalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_LARGEST = 16 * 1024
_PROJECT = re.compile(r"[a-z0-9][a-z0-9.:-]{2,99}")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{1,100}@[A-Za-z0-9.-]{1,100}")
_LEAST_BITS = 2_048


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """Who asks for access, and by which key."""

    project: str
    email: str
    #: PEM.
    private_key: str = field(repr=False)
    key_id: str | None
    #: Where access is asked for.
    token_uri: str


def parse_service_account(text: str) -> ServiceAccount:
    """The account in *text*. Raises `Invalid` that names what is wrong, and repeats none of it."""
    if len(text) > _LARGEST:
        raise Invalid(f"it is longer than {_LARGEST // 1024} KiB: no key file is")
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Invalid("expected the JSON of a service account's key, as Firebase's console gives it out") from None
    if not isinstance(found, dict) or found.get("type") != "service_account":
        raise Invalid("its `type` is not `service_account`: it is the key of something else")
    project, email = _text(found, "project_id"), _text(found, "client_email")
    if not _PROJECT.fullmatch(project):
        raise Invalid("its `project_id` is none")
    if not _EMAIL.fullmatch(email):
        raise Invalid("its `client_email` is none")
    key_id, pem = found.get("private_key_id"), _text(found, "private_key")
    load_private_key(pem)
    return ServiceAccount(
        project=project,
        email=email,
        private_key=pem,
        key_id=key_id if isinstance(key_id, str) and key_id.isalnum() else None,
        token_uri=_token_uri(_text(found, "token_uri")),
    )


def load_private_key(pem: str) -> RSAPrivateKey:
    """The key in *pem*. Raises `Invalid` for what is none, or too short. Whether its numbers fit shows in use."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(pem.encode(), password=None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("its `private_key` is no key; perhaps its line breaks, `\\n`, were lost") from None
    if not isinstance(key, RSAPrivateKey) or key.key_size < _LEAST_BITS:
        raise Invalid(f"its `private_key` is not of RSA with {_LEAST_BITS} bits or more")
    return key


def _text(found: dict[str, object], key: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or not value:
        raise Invalid(f"its `{key}` is missing")
    return value


def _token_uri(text: str) -> str:
    from clarion.http.url_guard import parse_url

    url = parse_url(text)
    if url.scheme != "https" and not is_here(url):
        raise Invalid("its `token_uri` is not https://")
    return text
