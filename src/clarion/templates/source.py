"""Template files as data: what a loader hands over, and what a published workflow version keeps as JSON."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

Kind = Literal["html", "txt"]
KINDS: tuple[Kind, ...] = ("html", "txt")
#: What an application on a device is told is front matter as well: each value under its name behind this.
DATA = "data."
#: So are the fields and the buttons of a chat message, each part of each: ``fields.1.label`` and ``fields.1.value``,
#: ``buttons.1.text`` and ``buttons.1.url``.
FIELDS, BUTTONS = "fields.", "buttons."


class Place(NamedTuple):
    """A line of a file, 1-based."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One file: ``<name>[.<locale>].<kind>``."""

    #: Its path in the project, e.g. ``templates/booking-confirmed/email.pt-BR.html``: named in every error.
    file: str
    kind: Kind
    #: The locale in its name, normalised; None when its name has none: for every locale without words of its own.
    locale: str | None = None
    #: What follows the front matter.
    text: str
    #: The front matter: `layout` is a name, all else is Liquid; a value of `data` stands under ``data.<its name>``,
    #: and what is in `fields` and `buttons` likewise.
    matter: Mapping[str, object] = field(default_factory=dict)
    #: The line of the file on which `text` begins, 1-based.
    first_line: int = 1
    #: Of text that was made of one or more files (MJML, say): the index of each tag of Liquid in it, rising, and where
    #: the tag comes from.
    places: tuple[tuple[int, Place], ...] = ()

    def place(self, index: int) -> Place:
        """Where what stands at *index* of the text was written."""
        if self.places:
            return self.places[max(bisect_right([at for at, _ in self.places], index) - 1, 0)][1]
        return Place(self.file, self.text.count("\n", 0, max(index, 0)) + self.first_line)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateSource:
    """All files of one template, layout or partial."""

    name: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """All words that one version of a workflow needs."""

    #: By name, e.g. ``email`` and ``in_app``.
    templates: Mapping[str, TemplateSource] = field(default_factory=dict)
    #: Layouts and partials by name.
    layouts: Mapping[str, TemplateSource] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The bundle as stored; equal bundles give equal JSON. `from_json` reads it back."""
        return {"templates": _dump(self.templates), "layouts": _dump(self.layouts)}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Bundle:
        """The bundle that `to_json` wrote."""
        return cls(templates=_load(data["templates"]), layouts=_load(data["layouts"]))


def _dump(sources: Mapping[str, TemplateSource]) -> dict[str, object]:
    return {
        name: [
            {
                "file": part.file,
                "kind": part.kind,
                "locale": part.locale,
                "text": part.text,
                "matter": dict(part.matter),
                "first_line": part.first_line,
                **({"places": [[at, *place] for at, place in part.places]} if part.places else {}),
            }
            for part in sorted(sources[name].parts, key=lambda part: part.file)
        ]
        for name in sorted(sources)
    }


def _load(data: object) -> dict[str, TemplateSource]:
    assert isinstance(data, Mapping)
    return {name: TemplateSource(name=name, parts=tuple(map(_part, parts))) for name, parts in data.items()}


def _part(data: Mapping[str, object]) -> Part:
    assert isinstance(data, Mapping)
    matter = data["matter"]
    assert isinstance(matter, Mapping)
    return Part(
        file=str(data["file"]),
        kind=cast("Kind", data["kind"]),
        locale=None if data["locale"] is None else str(data["locale"]),
        text=str(data["text"]),
        matter=dict(matter),
        first_line=int(cast("int", data["first_line"])),
        places=tuple((at, Place(file, line)) for at, file, line in cast("list[list[Any]]", data.get("places", ()))),
    )


def in_chain(parts: Sequence[Part], kind: Kind, chain: Sequence[str | None]) -> Part | None:
    """The part of *kind* whose locale comes first in *chain*; None when there is none."""
    found = {part.locale: part for part in parts if part.kind == kind}
    return next((found[locale] for locale in chain if locale in found), None)
