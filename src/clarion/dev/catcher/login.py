"""What opens the catcher's gateway for text messages: made once for a data folder, so that a new start knows it."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import TypedDict

_NAME = "gateway.json"


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
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        json.dump(made, file)
    return made
