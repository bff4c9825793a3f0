"""``clarion catcher``: the mail catcher of ``up`` and ``demo``, in a process of its own."""

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

#: How many text, chat and push messages are kept: they are in memory.
_KEPT = 10_000


def catcher(
    project: Project = None,
    data_dir: DataDir = None,
    smtp_port: _SmtpPort = 0,
    http_port: _HttpPort = 0,
    sms_port: _SmsPort = 0,
    chat_port: _ChatPort = 0,
    push_port: _PushPort = 0,
    child: Child = False,
    late: Late = False,
) -> None:
    """Take mails, text, chat and push messages, and show them instead of delivering them."""
    from clarion.cli.late import environment
    from clarion.cli.process import run, tell_parent
    from clarion.config import load_settings
    from clarion.dev.catcher import Catcher
    from clarion.dev.catcher.login import key, login
    from clarion.dev.fakes.chats import ChatsFake
    from clarion.dev.fakes.pushes import PushesFake
    from clarion.dev.fakes.twilio import TwilioFake

    settings = load_settings({"project": project, "data_dir": data_dir}, environment() if late else None)

    async def body(stopping: asyncio.Event) -> None:
        keep_for = settings.retention.caught_mails
        folder = settings.data_dir / "caught"
        ours = login(folder)
        gateway = TwilioFake(**ours, reports=("sent", "delivered"), port=sms_port, keep=_KEPT)
        rooms = ChatsFake(port=chat_port, keep=_KEPT)
        phones = PushesFake(key=key(folder), port=push_port, keep=_KEPT)
        catcher = Catcher(
            folder,
            "127.0.0.1",
            smtp_port,
            http_port,
            keep_for=keep_for,
            texts=gateway.taken,
            chats=rooms.taken,
            pushes=phones.taken,
        )
        async with gateway, rooms, phones, catcher as one:
            if child:
                told = ours | {"base_url": gateway.url}
                ports = {"smtp_port": one.smtp_port, "http_port": one.http_port, "sms_port": gateway.port}
                ports |= {"chat_port": rooms.port, "push_port": phones.port}
                tell_parent(**ports, sms=told, chat=rooms.url, push=phones.accounts)
            else:
                print(f"Mail to {one.smtp_url} is shown at {one.http_url}", flush=True)
            await stopping.wait()

    run(body, settings, name="catcher", child=child)
