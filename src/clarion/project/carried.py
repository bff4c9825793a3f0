"""Channels that workflows use and nothing carries: a warning, since the workers may know of accounts that we do not."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from clarion.domain.workflow import Channel
from clarion.project.mistake import Mistake, Severity
from clarion.project.project import Project
from clarion.project.providers import CARRIED

#: These need no account: a feed is ours, and a webhook says itself where it is.
_BY_THEMSELVES = frozenset({Channel.IN_APP, Channel.WEBHOOK})
_ELSE = {Channel.EMAIL: "set CLARION_SMTP_URL, or "}


def uncarried(project: Project, carried: Collection[str]) -> Iterator[Mistake]:
    """A warning for each channel that workflows of *project* use and that is not *carried*, where it is used first."""
    for channel in Channel:
        users = [one for one in project.workflows if any(s.channel is channel for s in one.workflow.channel_steps)]
        if not users or channel in carried or channel in _BY_THEMSELVES:
            continue
        others = f" and {len(users) - 1} more" if len(users) > 1 else ""
        yield Mistake(
            file=users[0].file,
            line=_line(project.folder / users[0].file, channel),
            message=f"no account is configured for {CARRIED[channel]}: what {users[0].workflow.key}{others} send"
            f"{'' if others else 's'} on `{channel}` waits for one, unless `clarion up` catches it",
            hint=f"{_ELSE.get(channel, '')}add a table [providers.NAME]; if the workers have it in their environment,"
            " nothing is missing",
            severity=Severity.WARNING,
        )


def _line(file: Path, channel: Channel) -> int | None:
    """Where *file* has a step on *channel*, as far as that can be seen."""
    step = re.compile(rf"""\bchannel:\s*["']?{channel}\b""")
    lines = file.read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if step.search(line)), None)
