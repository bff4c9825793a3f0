"""The keys of a container's role, from the address that ECS and EKS (Pod Identity) tell it.

Written from https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html as of November 2026.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

from clarion.channels.aws.keys import Keys, KeySource, keys_of, no_keys, refused
from clarion.domain.outcome import Retry
from clarion.http.client import Client, Patience
from clarion.http.outcome import LOCKED_OUT
from clarion.http.reply import Reply
from clarion.http.url_guard import parse_url

#: It is next door.
PATIENCE = Patience(connect=timedelta(seconds=2), total=timedelta(seconds=5))
_LONGEST = 64 * 1024


class Container(KeySource):
    """One container's role."""

    def __init__(self, url: str, token_file: str | None, *, patience: Patience = PATIENCE) -> None:
        """*token_file* holds what opens it, anew each time that it is read."""
        self._url = parse_url(url)
        self._token_file = token_file
        self._http = Client(connections=1, patience=patience)

    async def fetch(self) -> Keys | Retry:
        headers = {"accept": "application/json"}
        if self._token_file is not None:
            token = await read_token(self._token_file)
            if isinstance(token, Retry):
                return token
            headers["authorization"] = token
        answer = await self._http.get(self._url, headers)
        return keys_of(answer.json) if isinstance(answer, Reply) and answer.ok else refused(answer)

    async def close(self) -> None:
        await self._http.close()


async def read_token(path: str) -> str | Retry:
    """What stands in the file *path*, which its owner writes anew from time to time."""
    try:
        text = (await asyncio.to_thread(_read, path)).strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        return no_keys(f"the file {path!r} cannot be read: {why}", LOCKED_OUT)
    if not text or not text.isascii() or not text.isprintable() or len(text) > _LONGEST:
        return no_keys(f"the file {path!r} holds no token", LOCKED_OUT)
    return text


def _read(path: str) -> str:
    with Path(path).open(encoding="ascii") as file:
        return file.read(_LONGEST + 1)
