"""The mistakes that show only when the files of a bundle are seen together."""

from __future__ import annotations

from collections.abc import Iterator

from liquid.builtin.tags.render_tag import RenderNode

from clarion.domain.locale import fallbacks
from clarion.templates.errors import TemplateFault, fault
from clarion.templates.limits import Limits
from clarion.templates.parsing import Parsed, layout_of
from clarion.templates.source import KINDS, Kind, TemplateSource
from clarion.templates.tree import partial_name, walk
from clarion.templates.vocabulary import check, suggest


def check_parsed(parsed: Parsed, default_locale: str, limits: Limits) -> list[TemplateFault]:
    """All mistakes in *parsed*, those of parsing first."""
    faults = list(parsed.faults)
    cycles = [*_nesting(parsed, limits)]
    faults += cycles
    for source in parsed.bundle.templates.values():
        faults += _locales(source, default_locale)
        faults += _layouts(parsed, source)
    for source in parsed.bundle.layouts.values():
        faults += _layouts(parsed, source)
    given = _arguments(parsed)
    names = {kind: _names(parsed, kind) for kind in KINDS}
    around = {*_layouts_used(parsed)}
    layout_files = {part.file: source.name for source in parsed.bundle.layouts.values() for part in source.parts}
    for unit in parsed.units():
        name = layout_files.get(unit.part.file)
        if name and name not in around and name not in given:
            continue  # nobody says what it may be given
        extra = {"content", *given.get(name, ())} if name else set()
        faults += check(unit, extra, names[unit.kind])
        if name in around and not any("content" in each.reads or each.partials for each in unit.facts):
            detail = "a layout says `{{ content }}` where what it goes around belongs"
            faults.append(fault(unit.part.file, None, detail, "no_content"))
    return faults


def _layouts_used(parsed: Parsed) -> Iterator[str]:
    for sources in (parsed.bundle.templates, parsed.bundle.layouts):
        for source in sources.values():
            yield from (name for part in source.parts if (name := layout_of(part, source)))


def _names(parsed: Parsed, kind: str) -> set[str]:
    layouts = parsed.bundle.layouts.values()
    return {source.name for source in layouts if any(part.kind == kind for part in source.parts)}


def _locales(source: TemplateSource, default_locale: str) -> Iterator[TemplateFault]:
    """Whoever the recipient, there must be words to fall back to."""
    last = {None, *fallbacks(None, default_locale)}
    if source.parts and not any(part.locale in last for part in source.parts):
        name = source.parts[0].file
        yield fault(
            name,
            None,
            f"template `{source.name}` has no words for the default locale {default_locale}: "
            "add a file with that locale, or with none, in its name",
            "no_default_locale",
        )
    seen: set[tuple[str | None, Kind]] = set()
    for part in source.parts:
        if (part.locale, part.kind) in seen:
            yield fault(part.file, None, "there are two files for this locale", "duplicate_template")
        seen.add((part.locale, part.kind))


def _layouts(parsed: Parsed, source: TemplateSource) -> Iterator[TemplateFault]:
    for part in source.parts:
        name = layout_of(part, source)
        if name is None:
            continue
        kinds = {other.kind for other in parsed.bundle.layouts[name].parts} if name in parsed.bundle.layouts else set()
        # A text twin goes without a layout where there is none for text; HTML never loses its frame silently.
        if not kinds or (part.kind == "html" and "html" not in kinds):
            hint = suggest(name, parsed.bundle.layouts)
            yield fault(part.file, None, f"there is no layouts/{name}.{part.kind}{hint}", "unknown_layout")


def _arguments(parsed: Parsed) -> dict[str, set[str]]:
    """The names that callers of each partial give it."""
    given: dict[str, set[str]] = {}
    for unit in parsed.units():
        for node in walk(unit.nodes):
            if isinstance(node, RenderNode) and (name := partial_name(node)):
                scope = node.partial_scope()
                names = given.setdefault(name, set())
                names.update(map(str, scope.in_scope if scope else ()))
                if node.var is not None:
                    names.update(("forloop", name.split(".")[0]))
    return given


def _nesting(parsed: Parsed, limits: Limits) -> Iterator[TemplateFault]:
    """Layouts and partials that lead back to themselves, or too deep."""
    below: dict[str, set[str]] = {}
    for name, source in parsed.bundle.layouts.items():
        around = {layout for part in source.parts if (layout := layout_of(part, source))}
        below[name] = around.union(*(unit.partials for unit in parsed.layout_units(name)))
    for name, source in parsed.bundle.layouts.items():
        if path := _cycle(name, below):
            yield fault(source.parts[0].file, None, f"includes itself: {' → '.join(path)}", "include_cycle")
    if not any(_cycle(name, below) for name in below):
        depths: dict[str, int] = {}
        for name, source in parsed.bundle.layouts.items():
            if _depth(name, below, depths) > limits.depth:
                detail = f"layouts and partials are nested deeper than {limits.depth}"
                yield fault(source.parts[0].file, None, detail, "include_depth")


def _cycle(start: str, below: dict[str, set[str]]) -> list[str]:
    """The way from *start* back to itself; empty when there is none."""
    seen: set[str] = set()
    ways = [[start]]
    while ways:
        way = ways.pop()
        for name in sorted(below.get(way[-1], ())):
            if name == start:
                return [*way, start]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _depth(name: str, below: dict[str, set[str]], known: dict[str, int]) -> int:
    """How many are within one another from *name* on; there are no cycles. Stays off Python's own stack."""
    stack = [name]
    while stack:
        top = stack[-1]
        waiting = [other for other in below.get(top, ()) if other not in known]
        if waiting:
            stack += waiting
        else:
            known[top] = 1 + max((known[other] for other in below.get(top, ())), default=0)
            stack.pop()
    return known[name]
