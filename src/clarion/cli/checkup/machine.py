"""The machine and the folders: what Clarion keeps on disk, and what it publishes."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from clarion.cli.checkup.finding import Finding, fail, ok, warn
from clarion.config import Settings
from clarion.project.defaults import WorkflowDefaults
from clarion.project.load import load_project
from clarion.project.mistake import any_error

_LOW = 2 << 30
_TOO_LOW = 256 << 20


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Findings on folders, disk and project."""
    yield _data_folder(settings.data_dir)
    yield _disk(settings.data_dir)
    yield _project(settings)


def _data_folder(folder: Path) -> Finding:
    what = "data folder"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"clarion")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        says = f"{folder} cannot be written to: {error.strerror}; secrets and the embedded database are kept there"
        return fail(what, says, "give it to the account that runs Clarion, or set CLARION_DATA_DIR")
    if folder.stat().st_mode & 0o077:
        says = f"{folder} can be read by others, and keys are kept there"
        return warn(what, says, f"chmod 700 {folder}")
    return ok(what, str(folder))


def _disk(folder: Path) -> Finding:
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    says = f"{free / (1 << 30):,.1f} GiB free"
    how = "free some, or set CLARION_DATA_DIR to a larger disk"
    if free < _TOO_LOW:
        return fail("disk", f"{says}: a database on a full disk stops taking work", how)
    if free < _LOW:
        return warn("disk", f"{says}: that is little for a database", how)
    return ok("disk", says)


def _project(settings: Settings) -> Finding:
    found, mistakes = load_project(settings.project, WorkflowDefaults.from_settings(settings))
    if found is None:
        number = sum(any_error([mistake]) for mistake in mistakes)
        return fail("project", f"{settings.project} has {number} mistakes: nothing can be published", "clarion check")
    if mistakes:
        return warn("project", f"{len(mistakes)} warnings, the first: {mistakes[0]}", "clarion check")
    return ok("project", f"{len(found.workflows)} workflows in {settings.project}")
