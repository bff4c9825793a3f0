"""``clarion demo``: the main job, on a system of its own that leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path

    from clarion.cli.running import Running
    from clarion.cli.story.books import Books
    from clarion.cli.story.play import Played
    from clarion.cli.system import System

_People = Annotated[int, typer.Option("--people", help="How many guests the topic has.", min=1, max=1_000_000)]


def demo(people: _People = 10_000) -> None:
    """Show the main job: one call, 10,000 people reached.

    By mail and in their feeds, then one of them on every other channel; counted by the database and by a catcher, which
    must agree. Runs in a temporary folder on free ports, whatever is configured here, and ends all that it started.
    """
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="clarion-demo-") as folder:
        code = _perform(Path(folder), people)
    if code:
        raise typer.Exit(code)


def _perform(folder: Path, people: int) -> int:
    from clarion.cli.main import INTERRUPTED
    from clarion.cli.process import run
    from clarion.cli.story.hotel import hotel
    from clarion.cli.system import System
    from clarion.config import load_settings
    from clarion.worker.waiting import unless

    quiet = {"CLARION_LOG_LEVEL": "warning"}
    # An environment of its own: a database or a mail server configured here is none of the demonstration's.
    settings = load_settings({"project": hotel(), "data_dir": folder, "port": 0}, quiet)

    async def body(stopping: asyncio.Event) -> int:
        print(f"Starting Clarion in {folder} …", flush=True)
        async with System(settings, environment=quiet, inherit=False) as system:
            running = await unless(stopping, system.start())
            code = await unless(stopping, _show(system, running, people)) if running is not None else None
        return INTERRUPTED if code is None else code

    return run(body, settings, name="demo")


async def _show(system: System, running: Running, people: int) -> int:
    import asyncio
    from threading import Event

    from clarion.cli.remote import Remote
    from clarion.cli.story.books import read_books
    from clarion.cli.story.channels import PLACES
    from clarion.cli.story.mailbox import Mailbox
    from clarion.cli.story.memory import Peak
    from clarion.cli.story.play import Play

    assert running.catcher is not None
    print(f"It is up: {running.address}; caught mail: {running.catcher}\n", flush=True)
    halted, ended, peak = Event(), asyncio.Event(), Peak(system.worker_pids()[0])
    mailbox = Mailbox(running.catcher)
    play = Play(Remote(running.address, running.api_key), mailbox, people=people, halted=halted, look=peak.look)
    watching = asyncio.create_task(system.watch(ended))
    try:
        played = await asyncio.to_thread(play.run)
        caught = await asyncio.to_thread(mailbox.counts)
        elsewhere = {place.channel: await asyncio.to_thread(mailbox.taken, place.caught) for place in PLACES}
        books = await read_books(system.database_url, played, caught, elsewhere, people=people + 1)
        return _conclude(books, played, people)
    finally:
        halted.set()
        ended.set()
        await asyncio.gather(watching, return_exceptions=True)


def _conclude(books: Books, played: Played, people: int) -> int:
    """Print the summary; 1 when the two books differ."""
    from clarion.cli.table import Column, write_list

    counts = [*books.rows(), *books.others()]
    rows = [{"what": what, "count": count, "from": whose} for what, count, whose in counts]
    print()
    columns = [Column("", "what"), Column("count", "count", right=True), Column("by the", "from")]
    write_list(rows, columns, as_json=False, empty="")
    differences = books.differences()
    print("\nDatabase and catcher agree.\n" if not differences else "\nThey do not agree:")
    for difference in differences:
        print(f"  {difference}")
    answered = f"202 after {played.answered_after_s * 1000:.0f} ms"
    mails, items = (f"{people / max(after, 0.001):.0f}" for after in (books.sent_after_s, books.in_feed_after_s))
    print(
        f"feed: {books.accepted} accepted, {books.in_feed} delivered, {books.feed_failed} failed, {answered},"
        f" all delivered after {books.in_feed_after_s:.1f} s ({items} items/s)"
    )
    print(
        f"demo: {books.accepted} accepted, {books.sent} sent, {books.mails_failed} failed, {answered},"
        f" all sent after {books.sent_after_s:.1f} s ({mails} mails/s), {played.memory / 1e6:.0f} MB",
        flush=True,
    )
    return 1 if differences else 0
