"""What opens the catcher's gateways: made once for a data folder, so that a new start knows it."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import TypedDict

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

_NAME = "gateway.json"
_KEY, _CURVE_KEY = "gateway.pem", "gateway-ec.pem"


class Login(TypedDict):
    """As an account at Twilio has it."""

    account_sid: str
    auth_token: str


def login(folder: Path) -> Login:
    """The one kept in *folder*, for this account's eyes only; made now where there is none.

    It is random although the gateway listens on this machine alone: what it tells the API later is believed by it.
    """
    path = folder / _NAME
    try:
        kept = json.loads(path.read_text(encoding="ascii"))
        return Login(account_sid=str(kept["account_sid"]), auth_token=str(kept["auth_token"]))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    made = Login(account_sid=f"AC{secrets.token_hex(16)}", auth_token=secrets.token_hex(16))
    _keep(path, json.dumps(made).encode("ascii"))
    return made


def key(folder: Path) -> rsa.RSAPrivateKey:
    """The key of the account for push messages that is kept in *folder*, as `login` is."""
    path = folder / _KEY
    kept = _kept(path)
    if isinstance(kept, rsa.RSAPrivateKey):
        return kept
    made = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    _keep(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def curve_key(folder: Path) -> ec.EllipticCurvePrivateKey:
    """The key by which messages to Apple's devices and to browsers are signed, kept in *folder* as `login` is."""
    path = folder / _CURVE_KEY
    kept = _kept(path)
    if isinstance(kept, ec.EllipticCurvePrivateKey):
        return kept
    made = ec.generate_private_key(ec.SECP256R1())
    _keep(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


def _kept(path: Path) -> object:
    """The private key in *path*; None where there is none."""
    try:
        return load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return None


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
