"""A local server that speaks FCM's HTTP v1 API and gives access to it: it takes messages, and sends none.

Written from https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send as of November 2026.
Firebase's own library (firebase-admin 7) passes against it in the tests, its access included.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
PUT    /_fake/tokens         ``{"dead": ["…"], "mismatched": [], "unlinked": []}``: of no use
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from clarion.dev.fakes.fcm_rules import NOT_LOGGED_IN, NOT_YOURS, Refusal, refusal_of, target_of
from clarion.dev.fakes.google_access import PATH, GoogleAccessFake
from clarion.dev.fakes.serving import Fake

_SCOPES = frozenset(
    {"https://www.googleapis.com/auth/firebase.messaging", "https://www.googleapis.com/auth/cloud-platform"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A message that was taken: by it the provider and Clarion's database are compared."""

    name: str
    token: str
    #: As it came.
    message: dict[str, object] = field(repr=False)


class FcmFake(Fake):
    """One project at Firebase."""

    def __init__(self, *, project: str = "clarion-demo", port: int = 0, key: rsa.RSAPrivateKey | None = None) -> None:
        """*key* is that of the service account that is let in; made anew where none is given."""
        super().__init__(port=port)
        self.project = project
        self.taken: list[Pushed] = []
        self.access = GoogleAccessFake(project=project, scopes=_SCOPES, key=key)
        self.dead: set[str] = set()
        self.mismatched: set[str] = set()
        self.unlinked: set[str] = set()

    @property
    def service_account(self) -> str:
        """What an account's ``service_account`` is to be."""
        return self.access.service_account(self.url + PATH)

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post(PATH, self.access.answer)
        router.add_post("/v1/projects/{project}/messages:send", self._send)
        router.add_put("/_fake/tokens", self._mark)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    def note(self, pushed: Pushed) -> None:
        """A message was taken."""
        self.taken.append(pushed)

    async def _send(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()

        async def take() -> web.Response:
            return self._take(request, body)

        return await self.faults.handle(request, take)

    def _take(self, request: web.Request, body: bytes) -> web.Response:
        if not self.access.knows(request.headers.get("authorization", "")):
            return _answer(NOT_LOGGED_IN)
        if request.match_info["project"] != self.project:
            return _answer(NOT_YOURS)
        try:
            asked = json.loads(body)
        except ValueError:
            return _answer(Refusal(400, "INVALID_ARGUMENT", "Invalid JSON payload received."))
        refusal = refusal_of(asked, dead=self.dead, mismatched=self.mismatched, unlinked=self.unlinked)
        if refusal is not None:
            return _answer(refusal)
        if asked.get("validate_only"):
            return web.json_response({"name": f"projects/{self.project}/messages/fake_message_id"})
        message = asked["message"]
        to = target_of(message)
        name = f"projects/{self.project}/messages/0:{secrets.randbelow(10**16):016}%{secrets.token_hex(8)}"
        self.note(Pushed(name=name, token=to, message=message))
        return web.json_response({"name": name})

    async def _mark(self, request: web.Request) -> web.Response:
        try:
            told = json.loads(await request.text())
            marked = {name: {str(token) for token in told.get(name, ())} for name in ("dead", "mismatched", "unlinked")}
        except (ValueError, TypeError, AttributeError) as error:
            return web.Response(status=422, text=f"{error}\n")
        self.dead, self.mismatched, self.unlinked = marked["dead"], marked["mismatched"], marked["unlinked"]
        return web.Response(status=204)


def _answer(refusal: Refusal) -> web.Response:
    return web.json_response(refusal.body(), status=refusal.http)
