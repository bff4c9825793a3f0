"""`clarion up` on real processes: whatever the channel, nothing leaves the machine, and a person sees what would."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from standardwebhooks import Webhook
from tests.support import memory
from tests.support.command import Up, clarion
from tests.support.endpoint import EndpointServer
from tests.support.wait import wait_until

from clarion.cli.remote import Remote

WORDS = "---\ntitle: Order {{ payload.order }}\n---\n<b>Ready</b>."
CARD = """---
title: Order {{ payload.order }}
fields: {"For <you>": "{{ payload.order }}", Gone: "{{ payload.no | default: '' }}"}
buttons: [{text: Look, url: "https://shop.example/{{ payload.order }}"}]
---
<b>Ready</b>."""
FILES = {
    "clarion.toml": "[email]\nfrom = 'Shop <shop@shop.example>'\n",
    "workflows/ready.yaml": "expires_after: 1h\nsteps:\n"
    "  - {channel: sms}\n  - {channel: push}\n  - {channel: chat}\n  - {channel: webhook, type: order.ready}\n"
    "  - {channel: email}\n  - {channel: in_app}\n",
    "templates/ready/sms.txt": "Order {{ payload.order }} <b>is</b> ready.",
    "templates/ready/push.txt": WORDS,
    "templates/ready/chat.txt": CARD,
    "templates/ready/in_app.txt": WORDS,
    "templates/ready/email.txt": "---\nsubject: Order {{ payload.order }}\n---\n<b>Ready</b>.",
}
CAUGHT = ("texts", "pushes", "chats", "webhooks")
FCM, EXPO, APPLE = "cAfe01-phone:APA91b" + "x" * 127, "ExponentPushToken[ann]", "ab" * 32


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Data of PostgreSQL comes into it: in memory where that can be."""
    with memory.folder("clarion-up-") as folder:
        yield Path(folder)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a workflow on each channel whose messages leave a machine."""
    folder = tmp_path / "project"
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(text)
    return folder


async def test_messages_of_all_channels_are_caught_and_shown_and_texts_told_to_be_delivered(
    tmp_path: Path, project: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    # With a port of its own the API can be told where the gateway's reports are to go.
    async with EndpointServer() as own, Up(tmp_path, "--project", project, "--port", port) as up:
        catcher = await up.says(r"Caught: +(\S+)/all")
        with closing(Remote(up.address, up.key)) as system:
            tokens = {"fcm": FCM, "expo": EXPO, "apns": APPLE}

            def read(path: str) -> str:
                with urlopen(f"{catcher}{path}", timeout=5) as response:
                    return str(response.read().decode())

            def caught(what: str) -> list[dict[str, Any]]:
                found: list[dict[str, Any]] = json.loads(read(f"/api/{what}"))[what]
                return found

            def register() -> Mapping[str, str]:
                """Ann, with a device, a chat and a webhook of each kind there is; the secrets of her webhooks."""
                person = {"phone": "+15558675310", "email": "ann@shop.example"}
                system.call("PUT", "recipients", "ann", body=person)
                browser = json.loads(read("/api/pushes"))["tokens"]["webpush"]
                elsewhere = json.loads(browser) | {"endpoint": "https://push.example/send/secret"}
                kinds = {**tokens, "webpush": browser, "webpush ": json.dumps(elsewhere, separators=(",", ":"))}
                for number, (kind, token) in enumerate(kinds.items()):
                    body = {"provider": kind.strip(), "token": token}
                    system.call("PUT", "recipients", "ann", "devices", f"device-{number}", body=body)
                for kind in ("telegram", "slack", "discord", "teams", "apprise"):
                    system.call("PUT", "recipients", "ann", "chats", kind, body={"provider": kind})
                hook = "https://discord.com/api/webhooks/223704706495545344/" + "x" * 68
                system.call("PUT", "recipients", "ann", "chats", "hook", body={"provider": "discord", "address": hook})
                urls = (
                    "https://shop.example/hooks/<i>?a=1&b=2".replace("<i>", quote("<i>")),
                    f"http://127.0.0.1:{own.port}/hook",
                )
                return {url: system.post("recipients", "ann", "webhooks", body={"url": url})["secret"] for url in urls}

            secrets = await asyncio.to_thread(register)
            sent = await clarion("trigger", "ready", "--to", "ann", "--set", "order=7", "--watch", "--project", project)
            assert sent.code == 0, sent.err + sent.out

            await wait_until(lambda: [one["status"] for one in caught("texts")] == ["delivered"], 20, "it is delivered")
            (text,) = caught("texts")
            assert (text["to"], text["body"]) == ("+15558675310", "Order 7 <b>is</b> ready.")

            chats = caught("chats")
            (apprise,) = [one for one in chats if one["provider"] == "apprise"]
            assert "Order 7" in apprise["text"] and "https://shop.example/7" in apprise["text"]
            chats.remove(apprise)  # the others have buttons
            assert sorted(one["provider"] for one in chats) == ["discord", "discord", "slack", "teams", "telegram"]
            assert all("Order 7" in one["text"] and "Gone" not in one["text"] for one in chats)
            assert all(one["text"].endswith("<b>Ready</b>.\nFor <you>: 7") for one in chats), chats
            assert [one["buttons"] for one in chats] == [[["Look", "https://shop.example/7"]]] * 5

            pushes = caught("pushes")
            rooms = {(one["provider"], one["room"]): one["text"] for one in pushes}
            sealed = rooms.pop(("webpush", "push.example"))
            assert "only the browser itself could read" in sealed
            words = "Order 7\n<b>Ready</b>."
            assert rooms == {**dict.fromkeys(tokens.items(), words), ("webpush", "browser"): words}

            (hook,) = caught("webhooks")
            away, here = secrets
            assert (hook["room"], hook["provider"]) == (away, "order.ready")
            said = Webhook(secrets[away]).verify(hook["body"]["body"], hook["body"]["headers"])
            assert said["data"]["payload"] == {"order": 7}
            (posted,) = own.posted  # what is on this machine is posted to as ever
            Webhook(secrets[here]).verify(posted.body, dict(posted.headers))
            tried = await asyncio.to_thread(_try_out, system, away)
            assert tried["ok"] and [one["provider"] for one in caught("webhooks")] == ["test", "order.ready"]

            kept = json.loads(read("/api/counts"))["received"], *(len(caught(one)) for one in CAUGHT)
            tried_out = ("trigger", "ready", "--to", "ann", "--set", "order=8", "--sandbox", "--watch")
            nothing = await clarion(*tried_out, "--project", project)
            assert nothing.err.splitlines()[-1].endswith(": completed; 15 sent, 1 skipped"), nothing.err
            assert (json.loads(read("/api/counts"))["received"], *(len(caught(one)) for one in CAUGHT)) == kept
            assert len(own.posted) == 1
            assert await asyncio.to_thread(_feed, system) == ["Order 7"]

            page = read("/all")
            assert page.count("<b>+15558675310</b>") == 1 and "<b>Ready" not in page and "&lt;b&gt;Ready" in page
            for channel in ("mail", "text message", "push message", "chat message", "webhook", "message in the app"):
                assert f">{channel}</a>" in page
            shown = read("/in_app?q=ORDER+7")
            assert "<b>ann</b> from ready · unread" in shown and "As the database has them" in shown
            assert "10,000 are kept, 32 MiB at most" in read("/chats")
            for path, other in (("/pushes?q=apns", "slack"), ("/chats?q=slack", "apns"), ("/webhooks", "slack")):
                assert f"from {other}" not in read(path)
            verified = await clarion("verify", "--project", project)
            assert "promises hold" in verified.err


def _feed(system: Remote) -> list[str]:
    return [item["title"] for item in system.get("recipients", "ann", "feed")["items"]]


def _try_out(system: Remote, url: str) -> dict[str, Any]:
    (hook,) = [one for one in system.get("recipients", "ann", "webhooks")["items"] if one["url"] == url]
    tried: dict[str, Any] = system.post("recipients", "ann", "webhooks", hook["id"], "test")
    return tried


async def test_what_is_configured_is_not_caught(tmp_path: Path, project: Path) -> None:
    """A webhook in the internet is posted to where the settings say that none is caught: here it cannot be reached."""
    settings = {"CLARION_WEBHOOK_CATCHER": "none"}
    (project / "workflows" / "ready.yaml").write_text("attempts: 1\nsteps: [{channel: webhook}]\n")
    for name in ("sms", "push", "chat", "email", "in_app"):
        (project / "templates" / "ready" / f"{name}.txt").unlink()
    async with Up(tmp_path, "--project", project, **settings) as up:
        catcher = await up.says(r"Caught: +(\S+)/all")
        with closing(Remote(up.address, up.key)) as system:
            await asyncio.to_thread(system.call, "PUT", "recipients", "ann", body={})
        added = await clarion("endpoints", "add", "ann", "https://nobody.invalid/hook", "--project", project)
        assert added.code == 0, added.err
        sent = await clarion("trigger", "ready", "--to", "ann", "--watch", "--project", project)
        assert "1 failed" in sent.err, sent.err

        def caught() -> Any:
            with urlopen(f"{catcher}/api/webhooks", timeout=5) as response:
                return json.load(response)

        assert await asyncio.to_thread(caught) == {"webhooks": [], "taken": 0}
