"""A provider in a process of its own, and who was reached through it when."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.servers.process import accepting, free_port, started
from bench.servers.provider_desk import ACCOUNT_SID, AUTH_TOKEN, SENDER
from bench.servers.timing_sink import ROOT, Arrivals


class TakingProvider(Arrivals):
    """A running provider of *kind*; `arrivals` maps each recipient to when they were reached, as `Arrivals` says."""

    def __init__(self, kind: str, port: int, file: Path, key: Path, *, only: str = "") -> None:
        super().__init__(file, only=only)
        self.kind = kind
        self.port = port
        self.key = key

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def channel(self) -> str:
        return "sms" if self.kind == "twilio" else "push"

    @property
    def account(self) -> dict[str, str]:
        """What a table of ``[providers]`` is to say."""
        if self.kind == "fcm":
            return {"kind": "fcm", "service_account_file": str(self.key), "base_url": self.url}
        login = {"account_sid": ACCOUNT_SID, "auth_token": AUTH_TOKEN, "from": SENDER}
        return {"kind": "twilio", **login, "base_url": self.url}

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a Clarion that sends through it."""
        return {"CLARION_PROVIDERS": json.dumps({"main": self.account})}


@asynccontextmanager
async def taking_provider(
    kind: str, work: Path, *, only: str = "", hang: bool = False
) -> AsyncIterator[TakingProvider]:
    """A provider of *kind*, ``twilio`` or ``fcm``; it may *hang*: take requests and answer none."""
    port, log = free_port(), work / "logs" / f"{kind}.log"
    file, key = work / f"{kind}-arrivals.txt", work / f"{kind}-key.json"
    file.unlink(missing_ok=True)
    words = ["--key", str(key), *(["--hang"] if hang else [])]
    command = [sys.executable, "-m", "bench.servers.provider", kind, str(port), str(file), *words]
    async with started(command, log=log, cwd=ROOT) as process:
        await accepting(port, process, log=log)
        provider = TakingProvider(kind, port, file, key, only=only)
        try:
            yield provider
        finally:
            provider.close()
            file.unlink(missing_ok=True)
            key.unlink(missing_ok=True)
