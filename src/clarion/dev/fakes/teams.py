"""A local server that answers as the trigger of a workflow does that posts cards to Teams: it posts none.

Written from https://learn.microsoft.com/en-us/azure/connectors/connectors-native-reqres and
https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using as of November
2026. No library is kept up that speaks to workflows (pymsteams is made for connectors, which are retired), so that no
vendor's own has tried it.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
PUT    /_fake/rooms          ``{"deleted": ["…"], "off": []}``: workflows by their ids
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from aiohttp import web

from clarion.dev.fakes.chat_serving import ChatFake
from clarion.dev.fakes.teams_rules import refusal_of

_MOST = 28 * 1_024


class TeamsFake(ChatFake):
    """As many workflows as anybody posts to, all with the same signature."""

    provider = "teams"
    marks = ("deleted", "off")

    def __init__(self, *, signature: str | None, port: int = 0, keep: int | None = None) -> None:
        """Without a *signature* that of any workflow is good."""
        super().__init__(port=port, keep=keep)
        self._signature = signature

    def speak(self, router: web.UrlDispatcher) -> None:
        router.add_post("/{way:.*}/workflows/{id}/triggers/{trigger}/paths/invoke", self._post)
        router.add_post("/workflows/{id}/triggers/{trigger}/paths/invoke", self._post)

    async def _post(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()
        return await self.faults.handle(request, lambda: self._take(request, body))

    async def _take(self, request: web.Request, body: bytes) -> web.Response:
        id = request.match_info["id"]
        if self._signature is not None and request.query.get("sig") != self._signature:
            return _refuse(401, "DirectApiAuthorizationRequired", "The request must be authenticated by SAS or OAuth.")
        if id in self.rooms["deleted"]:
            return _refuse(404, "WorkflowNotFound", f"The workflow '{id}' could not be found.")
        if id in self.rooms["off"]:
            return _refuse(
                400, "WorkflowTriggerIsNotEnabled", f"Could not execute workflow '{id}' trigger: not enabled."
            )
        if len(body) > _MOST:
            return _refuse(413, "RequestEntityTooLarge", "The request is too large.")
        given = _json(body)
        wrong = "The request body is not JSON." if given is None else refusal_of(given)
        if wrong is not None or given is None:
            return _refuse(400, "TriggerInputSchemaMismatch", wrong or "")
        run = f"08584{secrets.randbelow(10**15):015}CU{self.next_number():02}"
        self.take(run, id, given)
        return web.Response(status=202, headers={"x-ms-workflow-run-id": run})


def _json(body: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(body)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _refuse(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"error": {"code": code, "message": message}}, status=status)
