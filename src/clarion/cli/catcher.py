"""``clarion catcher``: the catcher of ``up`` and ``demo``, in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from clarion.cli.options import Child, DataDir, Late, Project

if TYPE_CHECKING:
    import asyncio

_SmtpPort = Annotated[int, typer.Option("--smtp-port", help="Where to take mail; 0 takes a free port.")]
_HttpPort = Annotated[int, typer.Option("--http-port", help="Where to show it; 0 takes a free port.")]
_SmsPort = Annotated[int, typer.Option("--sms-port", help="Where to take text messages; 0 takes a free port.")]
_ChatPort = Annotated[int, typer.Option("--chat-port", help="Where to take chat messages; 0 takes a free port.")]
_PushPort = Annotated[int, typer.Option("--push-port", help="Where to take push messages; 0 takes a free port.")]
_ApplePort = Annotated[int, typer.Option("--apple-port", help="Where to take those for Apple's devices.")]
_WebhookPort = Annotated[int, typer.Option("--webhook-port", help="Where to take webhooks; 0 takes a free port.")]

#: Each has a port of its own, which it says of itself (``smtp_port``) and is told again (``--smtp-port``).
PORTS = ("smtp", "http", "sms", "chat", "push", "apple", "webhook")


def catcher(
    project: Project = None,
    data_dir: DataDir = None,
    smtp_port: _SmtpPort = 0,
    http_port: _HttpPort = 0,
    sms_port: _SmsPort = 0,
    chat_port: _ChatPort = 0,
    push_port: _PushPort = 0,
    apple_port: _ApplePort = 0,
    webhook_port: _WebhookPort = 0,
    child: Child = False,
    late: Late = False,
) -> None:
    """Take what goes out on every channel, and show it instead of delivering it."""
    from contextlib import AsyncExitStack

    from clarion.cli.caught_feeds import Feeds
    from clarion.cli.late import environment
    from clarion.cli.process import run, tell_parent
    from clarion.config import load_settings
    from clarion.dev.catcher import Catcher
    from clarion.dev.catcher.login import curve_key, key, login
    from clarion.dev.fakes.chats import ChatsFake
    from clarion.dev.fakes.kept import MOST
    from clarion.dev.fakes.pushes import PushesFake
    from clarion.dev.fakes.twilio import TwilioFake
    from clarion.dev.fakes.webhooks import WebhooksFake

    settings = load_settings({"project": project, "data_dir": data_dir}, environment() if late else None)

    async def body(stopping: asyncio.Event) -> None:
        folder = settings.data_dir / "caught"
        ours = login(folder)
        gateway = TwilioFake(**ours, reports=("sent", "delivered"), port=sms_port, keep=MOST)
        rooms = ChatsFake(port=chat_port, keep=MOST)
        phones = PushesFake(
            key=key(folder), curve_key=curve_key(folder), port=push_port, apple_port=apple_port, keep=MOST
        )
        receiver = WebhooksFake(port=webhook_port, keep=MOST)
        async with AsyncExitStack() as stack:
            for fake in (gateway, rooms, phones, receiver):
                await stack.enter_async_context(fake)
            catcher = Catcher(
                folder,
                *("127.0.0.1", smtp_port, http_port),
                keep_for=settings.retention.caught_mails,
                texts=gateway.taken,
                pushes=phones.taken,
                chats=rooms.taken,
                webhooks=receiver.taken,
                tokens=phones.tokens,
                feeds=Feeds(settings) if child else None,
            )
            one = await stack.enter_async_context(catcher)
            if child:
                ports = [one.smtp_port, one.http_port, gateway.port, rooms.port, phones.port, phones.apple_port]
                tell_parent(
                    **{f"{name}_port": port for name, port in zip(PORTS, [*ports, receiver.port], strict=True)},
                    sms=ours | {"base_url": gateway.url},
                    chat=rooms.url,
                    apprise=rooms.apprise,
                    push=phones.accounts,
                    webhook=receiver.catcher,
                )
            else:
                print(f"Mail to {one.smtp_url} is shown at {one.http_url}", flush=True)
            await stopping.wait()

    run(body, settings, name="catcher", child=child)
