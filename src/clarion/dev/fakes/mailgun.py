"""A local server that speaks Mailgun's API: it takes mails, sends none, and calls webhooks, signed.

Written from https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages and
https://documentation.mailgun.com/docs/mailgun/user-manual/events/webhooks as of November 2026. Mailgun's own library
for Python (1.10) passes against it in the tests, and its check takes the signatures. Unlike Mailgun it calls loopback
addresses.

commands beside those of `clarion.dev.fakes.serving`
------------------------------------------------------------------------------------------------
POST   /_fake/events         ``{"id": "<…>", "event": "failed", "severity": "permanent", …}``: calls the webhooks
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import aiohttp
from aiohttp import web

from clarion import clock
from clarion.dev.fakes import mailgun_rules as rules
from clarion.dev.fakes.mailgun_message import Taken, callback, webhook_of
from clarion.dev.fakes.mailgun_rules import NOT_LOGGED_IN, Form, Refusal
from clarion.dev.fakes.serving import Fake

_WEBHOOKS = frozenset(
    {"accepted", "delivered", "opened", "clicked", "unsubscribed", "complained", "permanent_fail", "temporary_fail"}
)


class MailgunFake(Fake):
    """One domain at Mailgun."""

    def __init__(
        self,
        *,
        domain: str,
        api_key: str,
        signing_key: str,
        webhook: str | None = None,
        reports: Sequence[str] = (),
        port: int = 0,
    ) -> None:
        """*webhook* is called with every event; *reports* are the kinds of events of each mail taken, in order."""
        super().__init__(port=port)
        self.domain = domain
        self.taken: list[Taken] = []
        #: The addresses of each webhook.
        self.webhooks: dict[str, list[str]] = {name: [webhook] for name in _WEBHOOKS} if webhook else {}
        self._login = f"api:{api_key}".encode()
        self._signing_key = signing_key
        self._reports = tuple(reports)

    def routes(self, router: web.UrlDispatcher) -> None:
        router.add_post("/v3/{domain}/messages.mime", self._send_mime)
        router.add_post("/v3/{domain}/messages", self._send_parts)
        router.add_get("/v3/{domain}/events", self._events)
        router.add_get("/v3/domains/{domain}/webhooks", self._list_webhooks)
        router.add_post("/v3/domains/{domain}/webhooks", self._add_webhook)
        router.add_delete("/v3/domains/{domain}/webhooks/{name}", self._drop_webhook)
        router.add_post("/_fake/events", self._tell)

    def ledger(self) -> list[Mapping[str, object]]:
        return [asdict(message) for message in self.taken]

    def forget(self) -> None:
        self.taken.clear()

    async def report(self, id: str, kind: str, **more: Any) -> list[int]:
        """Tell an event of the mail *id*, with or without its brackets; the HTTP status of each webhook's answer.

        Raises KeyError for a mail that was never taken.
        """
        message = next((one for one in self.taken if one.id.strip("<>") == id.strip("<>")), None)
        if message is None:
            raise KeyError(id)
        event = message.event(kind, **more)
        message.events.append(event)
        urls = self.webhooks.get(webhook_of(event), [])
        return [await self.post(url, *callback(event, self._signing_key)) for url in urls]

    async def _send_mime(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        form, wrong = await _form(request), None
        if request.content_type != "multipart/form-data":
            wrong = rules.wrong_type(request.content_type)
        return await self.faults.handle(request, lambda: self._take_mime(request, form, wrong))

    async def _take_mime(self, request: web.Request, form: Form, wrong: Refusal | None) -> web.Response:
        refusal = self._refused(request) or wrong or rules.refusal_of_mime(form)
        if refusal is not None:
            return _refusal(refusal)
        message = rules.first(form, "message")
        assert isinstance(message, bytes)
        head = rules.parse(message)
        return self._take(
            form,
            id=str(head["message-id"] or self._new_id()),
            sender=str(head["from"]),
            subject=str(head["subject"]),
            message=message.decode("utf-8", "replace"),
        )

    async def _send_parts(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        files: list[Mapping[str, str]] = []
        form = await _form(request, files)
        return await self.faults.handle(request, lambda: self._take_parts(request, form, files))

    async def _take_parts(self, request: web.Request, form: Form, files: Sequence[Mapping[str, str]]) -> web.Response:
        refusal = self._refused(request) or rules.refusal_of_parts(form)
        if refusal is not None:
            return _refusal(refusal)
        sender, subject, text = (rules.text(form, name) for name in ("from", "subject", "text"))
        id = rules.text(form, "h:Message-Id") or self._new_id()
        return self._take(form, id=id, sender=sender, subject=subject, message=text, files=files)

    def _take(
        self, form: Form, *, id: str, sender: str, subject: str, message: str, files: Sequence[Mapping[str, str]] = ()
    ) -> web.Response:
        variables = {name[2:]: rules.text(form, name) for name in form if name.startswith("v:")}
        for address in rules.recipients(form):
            taken = Taken(
                id=id, to=address, sender=sender, subject=subject, message=message, variables=variables, files=files
            )
            self.taken.append(taken)
            if self._reports:
                self.later(self._report_all(taken.id))
        return web.json_response({"id": id, "message": "Queued. Thank you."})

    async def _report_all(self, id: str) -> None:
        for kind in self._reports:
            await self.report(id, kind)

    def _new_id(self) -> str:
        return f"<{clock.now():%Y%m%d%H%M%S}.{secrets.token_hex(8)}@{self.domain}>"

    async def _events(self, request: web.Request) -> web.Response:
        if (refusal := self._refused(request)) is not None:
            return _refusal(refusal)
        wanted = request.query.get("message-id")
        events = [event for one in self.taken for event in one.events if wanted in (None, one.id.strip("<>"))]
        return web.json_response({"items": events, "paging": {}})

    async def _list_webhooks(self, request: web.Request) -> web.Response:
        if (refusal := self._refused(request)) is not None:
            return _refusal(refusal)
        return web.json_response({"webhooks": {name: {"urls": urls} for name, urls in self.webhooks.items()}})

    async def _add_webhook(self, request: web.Request) -> web.Response:
        if (refusal := self._refused(request)) is not None:
            return _refusal(refusal)
        form = await _form(request)
        name, urls = rules.text(form, "id"), [str(url) for url in form.get("url", ())]
        if name not in _WEBHOOKS or not urls:
            return _refusal(Refusal(400, f"Invalid webhook: {name}"))
        self.webhooks[name] = urls
        return web.json_response({"message": "Webhook has been created", "webhook": {"urls": urls}})

    async def _drop_webhook(self, request: web.Request) -> web.Response:
        refusal = self._refused(request)
        urls = None if refusal else self.webhooks.pop(request.match_info["name"], None)
        if refusal is not None or urls is None:
            return _refusal(refusal or Refusal(404, "Webhook not found"))
        return web.json_response({"message": "Webhook has been deleted", "webhook": {"urls": urls}})

    def _refused(self, request: web.Request) -> Refusal | None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            login = base64.b64decode(given, validate=True)
        except ValueError:
            login = b""
        if scheme.lower() != "basic" or not hmac.compare_digest(login, self._login):
            return NOT_LOGGED_IN
        named = request.match_info["domain"]
        return None if named == self.domain else rules.no_domain(named)

    async def _tell(self, request: web.Request) -> web.Response:
        try:
            told = json.loads(await request.text())
            answered = await self.report(told.pop("id"), told.pop("event"), **told)
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            return web.Response(status=422, text=f"{type(error).__name__}: {error}\n")
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.Response(status=502, text=f"{type(error).__name__}\n")
        return web.json_response({"answered": answered})


async def _form(request: web.Request, files: list[Mapping[str, str]] | None = None) -> Form:
    """The fields of a form, in either of the two ways in which forms are posted; what goes with a mail is put into
    *files* as well."""
    form: dict[str, list[str | bytes]] = {}
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            with value.file as file:
                content = file.read()
            form.setdefault(name, []).append(content)
            if files is not None and name in ("attachment", "inline"):
                about = {"field": name, "name": value.filename, "type": value.content_type}
                files.append(about | {"content": base64.b64encode(content).decode()})
        else:
            form.setdefault(name, []).append(value if isinstance(value, str) else bytes(value))
    return form


def _refusal(refusal: Refusal) -> web.Response:
    if refusal is NOT_LOGGED_IN:
        return web.Response(status=401, text="Forbidden")
    return web.json_response({"message": refusal.message}, status=refusal.status)
