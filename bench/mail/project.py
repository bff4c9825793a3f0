"""A Clarion project folder that sends the mail of the measurements."""

from __future__ import annotations

from pathlib import Path

from bench.mail import booking

SENDER = "Hotel Aurora <bookings@aurora.example>"
#: A workflow that waits for nobody, with a mail of one line.
URGENT = "new-password"
#: A workflow that puts one item into each feed.
IN_APP = "room-ready"


def write(folder: Path) -> Path:
    """Write the project to *folder* and answer it. One email step: the hotel mailer sends mail and nothing else."""
    words = folder / "templates" / booking.WORKFLOW
    words.mkdir(parents=True, exist_ok=True)
    (folder / "workflows").mkdir(exist_ok=True)
    (folder / "clarion.toml").write_text(f'[email]\nfrom = "{SENDER}"\n')
    (folder / "workflows" / f"{booking.WORKFLOW}.yaml").write_text("steps:\n  - channel: email\n")
    html = (booking.FOLDER / "email.html").read_text()
    (words / "email.html").write_text(f"---\nsubject: {booking.SUBJECT}\n---\n{html}")
    (words / "email.txt").write_text((booking.FOLDER / "email.txt").read_text())
    return folder


def write_in_app(folder: Path) -> Path:
    """The same project with the workflow `IN_APP` in it."""
    words = "---\ntitle: Room {{ recipient.data.room }}\n---\nIt is ready.\n"
    return _with(folder, IN_APP, "steps:\n  - channel: in_app\n", "in_app.txt", words)


def write_urgent(folder: Path) -> Path:
    """The same project with the workflow `URGENT` in it."""
    words = "---\nsubject: Your code\n---\nIt is {{ recipient.data.code }}.\n"
    return _with(folder, URGENT, "priority: critical\nsteps:\n  - channel: email\n", "email.txt", words)


def _with(folder: Path, workflow: str, text: str, template: str, words: str) -> Path:
    write(folder)
    place = folder / "templates" / workflow
    place.mkdir(exist_ok=True)
    (folder / "workflows" / f"{workflow}.yaml").write_text(text)
    (place / template).write_text(words)
    return folder
