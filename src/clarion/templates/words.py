"""The words of one template in one language: which files they come from, and what a trigger makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from liquid import BoundTemplate
from liquid.token import Token

from clarion.templates.fold import PER_MESSAGE, fold
from clarion.templates.limits import Limits, Run
from clarion.templates.program import Program
from clarion.templates.twin import Twin, twin_of
from clarion.templates.unit import Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The files for one locale."""

    #: The file that errors name when nothing better is known.
    file: str
    #: The language of the words.
    locale: str
    html: Unit | None
    #: From the innermost out.
    html_layouts: tuple[Unit, ...]
    text: Unit | None
    text_layouts: tuple[Unit, ...]
    #: `subject`, `title`, `url` and so on, those that there are.
    lines: Mapping[str, Unit]
    #: By name and kind, ``footer.html``.
    partials: Mapping[str, BoundTemplate]
    #: What a partial reads, with all within it.
    reads_of: Callable[[str], frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A choice with what was known filled in. Immutable."""

    choice: Choice
    html: Program | None
    text: Program | None
    #: Where `text` is None: how the HTML becomes text.
    twin: Twin | None
    lines: Mapping[str, Program]
    #: What the known data lacks.
    missing: Mapping[str, Token | None]


def fill(
    choice: Choice,
    variables: Mapping[str, object],
    limits: Limits,
    open_roots: Sequence[str] = PER_MESSAGE,
) -> Words:
    """*choice* with *variables* filled in wherever *open_roots* do not matter. Raises `LiquidError`."""
    run = Run(limits, choice.locale, choice.partials)

    def framed(unit: Unit | None, layouts: tuple[Unit, ...]) -> Program | None:
        if unit is None:
            return None
        program = fold(unit, variables, run, choice.reads_of, open_roots=open_roots)
        for layout in layouts:
            program = fold(layout, variables, run, choice.reads_of, program, open_roots=open_roots)
        return program

    html = framed(choice.html, choice.html_layouts)
    text = framed(choice.text, choice.text_layouts)
    twin = twin_of(html) if html is not None and text is None else None
    lines = {
        key: fold(unit, variables, run, choice.reads_of, open_roots=open_roots) for key, unit in choice.lines.items()
    }
    return Words(choice=choice, html=html, text=text, twin=twin, lines=lines, missing=dict(run.missing))
