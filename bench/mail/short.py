"""The short messages of the measurements: a text message and a push message, and whom they reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bench.mail import booking

TEXT = (
    "Dear {{ recipient.name }}, room {{ recipient.data.room }} of {{ payload.hotel }} is ready for you. "
    "Your code is {{ recipient.data.code }}."
)
TITLE = "Your room is ready"
_WORDS = {"sms": TEXT, "push": f"---\ntitle: {TITLE}\n---\n{TEXT}"}


def phone(number: int) -> str:
    """The telephone number of guest *number*, one of a range that nobody has."""
    return f"+3197{number:09}"


def token(number: int) -> str:
    """The token of the device of guest *number*, of the shape and length of real ones."""
    return f"cRA0mXyFQ-SgAbCdEfGh12:APA91b{number:0134}"


def guests(count: int, *, start: int = 0) -> Iterator[dict[str, object]]:
    """Guests *start* to *start* + *count*, who have a telephone number each."""
    return (booking.guest(number) | {"phone": phone(number)} for number in range(start, start + count))


def text(number: int) -> str:
    """The text of guest *number*, for the peers: what Clarion makes of `TEXT`."""
    guest = booking.guest(number)
    data = guest["data"]
    assert isinstance(data, dict)
    room = f"room {data['room']} of {booking.PAYLOAD['hotel']}"
    return f"Dear {guest['name']}, {room} is ready for you. Your code is {data['code']}."


def write(folder: Path, channel: str, workflow: str = booking.WORKFLOW) -> Path:
    """Write a project to *folder*, or add to it, whose *workflow* sends by *channel*; answer the folder."""
    words = folder / "templates" / workflow
    words.mkdir(parents=True, exist_ok=True)
    (folder / "workflows").mkdir(exist_ok=True)
    (folder / "clarion.toml").touch()
    (folder / "workflows" / f"{workflow}.yaml").write_text(f"steps:\n  - channel: {channel}\n")
    (words / f"{channel}.txt").write_text(_WORDS[channel])
    return folder
