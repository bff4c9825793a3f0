"""Bundles from a few lines of text, and the plain way of rendering them that the fast one is measured by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import cast

from clarion.templates import Bundle, CompiledBundle, Limits, Part, TemplateSource
from clarion.templates.limits import Run
from clarion.templates.program import Program, Step
from clarion.templates.source import Kind
from clarion.templates.unit import Unit

#: File name to text, or to text and front matter.
Files = Mapping[str, str | tuple[str, Mapping[str, object]]]

SHARED: Mapping[str, object] = {
    "payload": {"order": "12345", "guest": {"name": "Nitish"}, "rows": [1, 2, 3], "nothing": None},
    "workflow": {"key": "booking"},
    "trigger": {"id": "trg_1", "transaction_id": None, "metadata": {}, "created_at": "2026-03-01T10:00:00+00:00"},
}
RECIPIENT: Mapping[str, object] = {
    "id": "u1",
    "name": "Ann",
    "email": "ann@example.com",
    "locale": None,
    "timezone": None,
    "data": {"seat": "4 A"},
}
MESSAGE: Mapping[str, object] = {"id": "msg_1", "channel": "email"}


def bundle(templates: Files, layouts: Files | None = None) -> Bundle:
    """A bundle of *templates* and *layouts*, whose file names are as on disk: ``email.pt-BR.html``."""
    return Bundle(templates=_sources("templates/booking", templates), layouts=_sources("layouts", layouts or {}))


def plainly(compiled: CompiledBundle, template: str, data: Mapping[str, object]) -> tuple[dict[str, str], list[str]]:
    """What Liquid makes of *template* by itself, nothing folded: each text by its name, and the missing names."""
    choice = compiled.choose(template, None)
    run = Run(Limits(), choice.locale, choice.partials)
    found = {key: _unfolded(unit, None).render(data, run) for key, unit in choice.lines.items()}
    for key, body, layouts in (
        ("html", choice.html, choice.html_layouts),
        ("text", choice.text, choice.text_layouts),
    ):
        if body is not None:
            program = _unfolded(body, None)
            for layout in layouts:
                program = _unfolded(layout, program)
            found[key] = program.render(data, run)
    return found, list(run.missing)


def _unfolded(unit: Unit, content: Program | None) -> Program:
    step = Step(unit, tuple(unit.nodes))
    return Program(("",), steps=((0, step),), inner=content, html=unit.kind == "html")


def _sources(folder: str, files: Files) -> dict[str, TemplateSource]:
    parts: dict[str, list[Part]] = {}
    for name, content in files.items():
        text, matter = content if isinstance(content, tuple) else (content, {})
        stem, *locale, kind = PurePosixPath(name).name.split(".")
        part = Part(
            file=f"{folder}/{name}",
            kind=cast("Kind", kind),
            locale=locale[0] if locale else None,
            text=text,
            matter=matter,
        )
        parts.setdefault(stem, []).append(part)
    return {name: TemplateSource(name=name, parts=tuple(found)) for name, found in parts.items()}
