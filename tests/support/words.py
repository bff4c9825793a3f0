"""Bundles from a few lines of text, and the plain way of rendering them that the fast one is measured by."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import cast

import pytest

from clarion.domain.content import ChatContent, EmailContent, PushContent, SmsContent
from clarion.domain.workflow import Channel
from clarion.errors import Invalid
from clarion.templates import (
    Bundle,
    CompiledBundle,
    Limits,
    Part,
    RenderError,
    TemplateFault,
    TemplateSource,
    compile_bundle,
)
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
    "phone": "+31612345678",
    "locale": None,
    "timezone": None,
    "data": {"seat": "4 A"},
}
MESSAGE: Mapping[str, object] = {"id": "msg_1", "channel": "email"}


def bundle(templates: Files, layouts: Files | None = None) -> Bundle:
    """A bundle of *templates* and *layouts*, whose file names are as on disk: ``email.pt-BR.html``."""
    return Bundle(templates=_sources("templates/booking", templates), layouts=_sources("layouts", layouts or {}))


def email(
    files: Files,
    layouts: Files | None = None,
    *,
    payload: Mapping[str, object] | None = None,
    default: str = "en",
    **recipient: object,
) -> EmailContent:
    """The mail that *files* give, with *payload* and *recipient* changed as said."""
    shared = {**SHARED, "payload": payload} if payload is not None else SHARED
    prepared = compile_bundle(bundle(files, layouts), default).for_trigger("email", Channel.EMAIL, shared)
    content = prepared.render({**RECIPIENT, **recipient}, MESSAGE)
    assert isinstance(content, EmailContent)
    return content


def text(source: str, payload: Mapping[str, object] | None = None, name: str | None = "Ann") -> str:
    """What the text *source* gives."""
    return email({"email.txt": (source, {"subject": "s"})}, payload=payload, name=name).text


def html(source: str, payload: Mapping[str, object] | None = None) -> str:
    """What the HTML *source* gives."""
    return email({"email.html": (source, {"subject": "s"})}, payload=payload).html or ""


def push(source: str, matter: Mapping[str, object], payload: Mapping[str, object] | None = None) -> PushContent:
    """The push message that *source* gives with the front matter *matter*."""
    shared = {**SHARED, "payload": payload} if payload is not None else SHARED
    prepared = compile_bundle(bundle({"push.txt": (source, matter)}), "en").for_trigger("push", Channel.PUSH, shared)
    content = prepared.render(RECIPIENT, {**MESSAGE, "channel": "push"})
    assert isinstance(content, PushContent)
    return content


def chat(source: str, matter: Mapping[str, object], payload: Mapping[str, object] | None = None) -> ChatContent:
    """The chat message that *source* gives with the front matter *matter*."""
    shared = {**SHARED, "payload": payload} if payload is not None else SHARED
    prepared = compile_bundle(bundle({"chat.txt": (source, matter)}), "en").for_trigger("chat", Channel.CHAT, shared)
    content = prepared.render(RECIPIENT, {**MESSAGE, "channel": "chat"})
    assert isinstance(content, ChatContent)
    return content


def sms(source: str, payload: Mapping[str, object] | None = None) -> str:
    """The text message that *source* gives."""
    shared = {**SHARED, "payload": payload} if payload is not None else SHARED
    prepared = compile_bundle(bundle({"sms.txt": source}), "en").for_trigger("sms", Channel.SMS, shared)
    content = prepared.render(RECIPIENT, {**MESSAGE, "channel": "sms"})
    assert isinstance(content, SmsContent)
    return content.text


def refused(source: str, payload: Mapping[str, object] | None = None) -> RenderError:
    """The error that the text *source* gives."""
    with pytest.raises(RenderError) as caught:
        text(source, payload)
    return caught.value


def faults(files: Files, layouts: Files | None = None) -> list[tuple[str, str]]:
    """Where and what the mistakes in *files* are."""
    with pytest.raises(Invalid) as caught:
        compile_bundle(bundle(files, layouts), "en")
    assert all(isinstance(fault, TemplateFault) for fault in caught.value.faults)
    return [(fault.pointer, fault.detail) for fault in caught.value.faults]


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
