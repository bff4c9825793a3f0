"""All files of a bundle, parsed, with the mistakes found on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from liquid.exceptions import LiquidError

from clarion.templates.errors import TemplateFault, fault
from clarion.templates.language import environment
from clarion.templates.limits import Limits
from clarion.templates.source import BUTTONS, DATA, FIELDS, Bundle, Kind, Part, TemplateSource
from clarion.templates.unit import Unit, parse_body, parse_line
from clarion.templates.vocabulary import suggest

#: Front matter that is Liquid.
LINES = ("subject", "title", "url", "image", "collapse_key", "ttl")
#: … and what tables in it come to, by the beginning of their names.
_TABLES = (DATA, FIELDS, BUTTONS)
_UNKNOWN_TAG = re.compile(r"unexpected tag '(?P<name>\w+)'")


@dataclass(slots=True)
class Parsed:
    """The parsed bundle."""

    bundle: Bundle
    #: By file.
    bodies: dict[str, Unit] = field(default_factory=dict)
    #: By file and key of the front matter.
    lines: dict[tuple[str, str], Unit] = field(default_factory=dict)
    faults: list[TemplateFault] = field(default_factory=list)

    def units(self) -> Iterator[Unit]:
        yield from self.bodies.values()
        yield from self.lines.values()

    def layout_units(self, name: str) -> list[Unit]:
        """What was parsed of the layout or partial *name*, in every kind and locale."""
        source = self.bundle.layouts.get(name)
        return [self.bodies[part.file] for part in source.parts if part.file in self.bodies] if source else []


def parse_bundle(bundle: Bundle, limits: Limits) -> Parsed:
    """Parse every file of *bundle*; what cannot be parsed is among the faults."""
    parsed = Parsed(bundle)
    for source in bundle.layouts.values():
        for part in source.parts:
            _parse_part(parsed, part, (), limits)
    for source in bundle.templates.values():
        for part in source.parts:
            _parse_part(parsed, part, LINES, limits)
    return parsed


def layout_of(part: Part, source: TemplateSource) -> str | None:
    """The layout *part* names; one that says nothing of it has that of the file for every locale."""
    plain = next((other for other in source.parts if other.locale is None and other.kind == part.kind), part)
    named = part.matter["layout"] if "layout" in part.matter else plain.matter.get("layout")
    return str(named) if named else None


def _parse_part(parsed: Parsed, part: Part, keys: tuple[str, ...], limits: Limits) -> None:
    parsed.faults.extend(_matter_faults(part.matter, part, keys))
    if len(part.text) > limits.source:
        parsed.faults.append(fault(part.file, None, f"longer than {limits.source:,} characters", "too_large"))
        return
    body = _try(parsed, part, lambda: parse_body(part), part.kind)
    if body is not None:
        parsed.bodies[part.file] = body
    for key in (*keys, *filter(_is_of_table, part.matter)) if keys else ():
        text = part.matter.get(key)
        if isinstance(text, str):
            line = _try(parsed, part, lambda key=key, text=text: parse_line(part, key, text), "txt", key)  # type: ignore[misc]
            if line is not None:
                parsed.lines[part.file, key] = line


def _matter_faults(matter: Mapping[str, object], part: Part, keys: tuple[str, ...]) -> Iterator[TemplateFault]:
    known = (*keys, "layout")
    for key, value in matter.items():
        if key not in known and not (keys and _is_of_table(key)):
            yield fault(part.file, None, f"front matter has no `{key}`{suggest(str(key), known)}", "unknown_key")
        elif value is not None and not isinstance(value, str):
            yield fault(part.file, None, f"`{key}` in the front matter is not text: put it in quotes")


def _is_of_table(key: str) -> bool:
    return key.startswith(_TABLES)


def _try(parsed: Parsed, part: Part, make: Callable[[], Unit], kind: Kind, key: str = "") -> Unit | None:
    """What *make* parses, looked through once; None, and a fault, when it cannot be."""
    try:
        unit = make()
        _ = unit.facts
        return unit
    except LiquidError as error:
        file, line = (part.file, None) if key or error.token is None else part.place(error.token.start_index)
        detail = detail_of(error, kind)
        parsed.faults.append(fault(file, line, f"{key}: {detail}" if key else detail, "template_syntax", key=key))
    except RecursionError:
        parsed.faults.append(fault(part.file, None, "nested too deeply", "template_syntax", key=key))
    return None


def detail_of(error: LiquidError, kind: Kind) -> str:
    """What *error* says, with a suggestion for a tag that does not exist."""
    unknown = _UNKNOWN_TAG.search(str(error.message))
    if unknown is None:
        return str(error.message)
    name = unknown["name"]
    if name == "include":
        return "there is no tag `include`; use `render`, with the name of a partial in quotes"
    return f"there is no tag `{name}` here{suggest(name, environment(kind).tags)}"
