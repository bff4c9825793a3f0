"""A project folder as read: its workflows with their words, ready to be published."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from clarion.domain.binding import Binding
from clarion.domain.schedule import Schedule
from clarion.domain.workflow import Workflow
from clarion.templates.source import Bundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One workflow and all its words, as the folder has them now. Publishing makes it a version."""

    workflow: Workflow
    bundle: Bundle
    #: The workflow's file, e.g. ``workflows/booking-confirmed.yaml``.
    file: str

    @property
    def content_hash(self) -> str:
        """The same for the same content, whatever the machine, and another for any other: see `content_hash`."""
        return content_hash(self.workflow, self.bundle)

    def to_json(self) -> tuple[dict[str, object], dict[str, object], str]:
        """What is stored of a version: the definition, the bundle, and the hash of both."""
        return self.workflow.to_json(), self.bundle.to_json(), self.content_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Everything that a project folder publishes."""

    folder: Path
    default_locale: str
    #: By key, in order.
    workflows: tuple[Draft, ...]
    #: By key, in order.
    bindings: tuple[Binding, ...] = ()
    #: By key, in order.
    schedules: tuple[Schedule, ...] = ()


def content_hash(workflow: Workflow, bundle: Bundle) -> str:
    """SHA-256, in hexadecimal, of definition and words as canonical JSON (sorted keys, no blanks, ASCII).

    Publishing compares it with the newest version's: unchanged content makes no new version.
    """
    content = {"definition": workflow.to_json(), "bundle": bundle.to_json()}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
