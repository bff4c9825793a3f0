"""A provider of another package: the very code of the how-to, installed for a while, and the carrier it speaks to."""

from __future__ import annotations

import json
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from aiohttp import web
from tests.support.docs import ROOT, blocks
from tests.support.provider_case import PROMPT, Case
from tests.support.providers import text_message

from clarion.channels.base import Provider, Sms
from clarion.channels.kinds import GROUP
from clarion.dev.fakes.serving import Fake
from clarion.http.client import Client, Patience
from clarion.project.providers import read_accounts

#: An entry point of this group names a `Case`, and is called as its kind is.
CASES_GROUP = "clarion.provider_cases"
TOKEN = "5ecre7" + "cafe" * 6
PAGE = (ROOT / "docs/how-to/write-a-provider.md").read_text()


@contextmanager
def installed() -> Iterator[Path]:
    """The package of the page, where Python finds it: its modules, and the entry points that offer them."""
    tables = [tomllib.loads(text) for text in blocks(PAGE, "toml") if "entry-points" in text]
    points = {group: one for table in tables for group, one in table["project"]["entry-points"].items()}
    module, case = (points[group]["carrier"].partition(":")[0] for group in (GROUP, CASES_GROUP))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / f"{module}.py").write_text(blocks(PAGE, "python")[0])
        (root / f"{case}.py").write_text(f"from {__name__} import CarrierCase as CarrierCase\n")
        info = root / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        lines = [f"[{group}]\ncarrier = {one['carrier']}\n" for group, one in points.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
        sys.path.insert(0, folder)
        try:
            yield root
        finally:
            sys.path.remove(folder)
            for name in (module, case):
                sys.modules.pop(name, None)


def offered() -> dict[str, type[Case]]:
    """The cases of packages that are installed beside this repository, by the kinds that they are of."""
    return {point.name: point.load() for point in entry_points(group=CASES_GROUP)}


class CarrierFake(Fake):
    """A carrier that takes a message with the same reference once."""

    def __init__(self) -> None:
        super().__init__()
        #: Ids by reference, in the order in which they were taken.
        self.taken: dict[str, str] = {}

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v2/messages", self._take)

    def ledger(self) -> list[Mapping[str, object]]:
        return [{"id": id, "reference": reference} for reference, id in self.taken.items()]

    def forget(self) -> None:
        self.taken.clear()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        message = json.loads(await request.text())

        async def take() -> web.StreamResponse:
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return web.json_response({"error": "who_are_you"}, status=401)
            if message["to"].startswith("+1500"):
                return web.json_response({"error": "unknown_number"}, status=422)
            id = self.taken.setdefault(message["reference"], f"car_{len(self.taken)}")
            return web.json_response({"id": id}, status=201)

        return await self.faults.handle(request, take)


class CarrierCase(Case):
    """The provider of the page: a message with the same reference is taken once, and it says so."""

    secrets = (TOKEN,)
    idempotent = True

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        with installed():
            async with CarrierFake() as self.fake:
                self.faults, self.url = self.fake.faults, self.fake.url
                yield

    def provider(self, base_url: str | None = None, patience: Patience = PROMPT, **more: Any) -> Provider[Any]:
        table = {"kind": "carrier", "token": TOKEN, "from": "Shop", "base_url": base_url or self.url}
        (account,) = read_accounts({"main": table})
        provider = account.kind.open(account)
        provider._http = Client(connections=20, patience=patience, **more)  # type: ignore[attr-defined]
        return provider

    def item(self, *, refused: bool = False) -> Sms:
        return text_message("+15005550001" if refused else "+15558675310")

    def taken(self) -> list[str]:
        return list(self.fake.taken.values())

    def error(self) -> str:
        return '{"error": "unknown_number"}'
