"""From a bundle of files to words ready for use: parsed once, checked whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from clarion.domain.locale import fallbacks, normalise
from clarion.domain.workflow import Channel
from clarion.errors import Invalid
from clarion.templates.checking import check_parsed
from clarion.templates.errors import RenderError, TemplateFault, fault
from clarion.templates.explain import Explainer
from clarion.templates.limits import Limits
from clarion.templates.parsing import Parsed, layout_of, parse_bundle
from clarion.templates.prepared import Prepared
from clarion.templates.shape import SHAPES
from clarion.templates.source import KINDS, Bundle, Part, TemplateSource, in_chain
from clarion.templates.unit import Unit, outer_reads
from clarion.templates.vocabulary import ROOTS, paths
from clarion.templates.words import Choice, Words, fill

__all__ = ["CompiledBundle", "Prepared", "compile_bundle", "variables"]

Chain = tuple[str | None, ...]


def compile_bundle(bundle: Bundle, default_locale: str, *, limits: Limits | None = None) -> CompiledBundle:
    """*bundle*, parsed and checked.

    Raises `Invalid` with a `TemplateFault` for every mistake found: what cannot be parsed, unknown filters, tags,
    variables, layouts and partials, layouts that include themselves (``include_cycle``), a default locale without
    words.
    """
    limits = limits or Limits()
    default = normalise(default_locale)
    parsed = parse_bundle(bundle, limits)
    refuse(check_parsed(parsed, default, limits))
    return CompiledBundle(parsed, default, limits)


def variables(source: TemplateSource) -> set[str]:
    """The paths that *source* reads from the data, e.g. ``payload.order`` and ``recipient.name``.

    Raises `Invalid` when it cannot be parsed.
    """
    parsed = parse_bundle(Bundle(templates={source.name: source}), Limits())
    refuse([found for found in parsed.faults if found.code == "template_syntax"])
    return {path for unit in parsed.units() for path in paths(unit.nodes)}


def refuse(faults: Sequence[TemplateFault]) -> None:
    """Raise `Invalid` if there are *faults*; its code is theirs when they share one."""
    if faults:
        codes = {found.code for found in faults}
        listed = "\n".join(f"{found.pointer}: {found.detail}" for found in faults)
        code = codes.pop() if len(codes) == 1 else "invalid_template"
        raise Invalid(f"the templates have mistakes:\n{listed}", code=code, faults=faults)


class CompiledBundle:
    """All words of one version of a workflow. Immutable to its users; may be read by many threads."""

    def __init__(self, parsed: Parsed, default_locale: str, limits: Limits) -> None:
        self._parsed = parsed
        self._default = default_locale
        self._limits = limits
        self._explain = Explainer(parsed.units())
        self._choices: dict[tuple[str, Chain], Choice] = {}
        self._open_words: dict[int, Words | None] = {}
        self._lacking: dict[tuple[str, Channel], list[TemplateFault]] = {}
        self._reads: dict[str, frozenset[str]] = {}
        sources = (*parsed.bundle.templates.values(), *parsed.bundle.layouts.values())
        self._locales = {part.locale for source in sources for part in source.parts}

    def for_trigger(self, template: str, channel: Channel, shared: Mapping[str, object]) -> Prepared:
        """*template* with what all messages of a trigger share: `payload`, `workflow` and `trigger`, as plain data.

        Raises `RenderError` (``no_template``) when the bundle has no such words for *channel*.
        """
        for found in self.check_channel(template, channel):
            raise RenderError(found.detail, code="no_template", file=found.file)
        return Prepared(
            partial(self.choose, template), channel, shared, self._limits, self._explain, self._words_left_open
        )

    def _words_left_open(self, choice: Choice) -> Words | None:
        """*choice* with nothing filled in; None where even its fixed parts cannot be rendered."""
        if id(choice) not in self._open_words:
            try:
                self._open_words[id(choice)] = fill(choice, {}, self._limits, open_roots=tuple(ROOTS))
            except (LiquidError, ValueError, ArithmeticError, TypeError, LookupError, RecursionError, MemoryError):
                self._open_words[id(choice)] = None  # told with the trigger's data, where it is known
        return self._open_words[id(choice)]

    def choose(self, template: str, locale: str | None) -> Choice:
        """The files of *template* for a recipient whose locale is *locale*."""
        return self._choice(template, self._chain(locale))

    def check_channel(self, template: str, channel: Channel) -> list[TemplateFault]:
        """What *template* lacks for *channel*: its head, such as a mail's subject, or a file of a kind that is read."""
        if (template, channel) not in self._lacking:
            self._lacking[template, channel] = self._look_for_lacks(template, channel)
        return self._lacking[template, channel]

    def _look_for_lacks(self, template: str, channel: Channel) -> list[TemplateFault]:
        source = self._parsed.bundle.templates.get(template)
        if source is None or not source.parts:
            return [fault(f"template {template}", None, f"there is no template `{template}`", "no_template")]
        return [found for chain in self._own_chains(source) for found in self._lacks(source, chain, channel)]

    def _lacks(self, source: TemplateSource, chain: Chain, channel: Channel) -> Iterator[TemplateFault]:
        choice, shape = self._choice(source.name, chain), SHAPES[channel]
        if shape.head is not None and shape.head not in choice.lines:
            yield fault(choice.file, None, f"no `{shape.head}` in the front matter", "no_template")
        if choice.text is None and "html" not in shape.kinds:
            yield fault(choice.file, None, f"{shape.noun} needs a .txt file", "no_template")

    def _own_chains(self, source: TemplateSource) -> list[Chain]:
        """A chain for every locale that *source* has files for."""
        return [self._chain(part.locale) for part in source.parts]

    def _chain(self, locale: str | None) -> Chain:
        """The locales to look for, those only that there are files for; files for every locale come last."""
        return (*(tag for tag in fallbacks(locale, self._default) if tag in self._locales), None)

    def _choice(self, name: str, chain: Chain) -> Choice:
        found = self._choices.get((name, chain))
        if found is None:
            found = self._choices[name, chain] = self._choose(self._parsed.bundle.templates[name], chain)
        return found

    def _choose(self, source: TemplateSource, chain: Chain) -> Choice:
        """Bodies and subject are of one locale, the first in *chain* that there is; layouts fall back by themselves."""
        locale = next(tag for tag in chain if any(part.locale == tag for part in source.parts))
        html, text = in_chain(source.parts, "html", (locale,)), in_chain(source.parts, "txt", (locale,))
        parts = [part for part in (html, text) if part is not None]
        lines: dict[str, Unit] = {}
        for part in reversed(parts):
            lines.update({key: unit for (file, key), unit in self._parsed.lines.items() if file == part.file})
        return Choice(
            file=parts[0].file,
            locale=locale or self._default,
            html=self._parsed.bodies[html.file] if html else None,
            html_layouts=self._layouts(html, source, chain) if html else (),
            text=self._parsed.bodies[text.file] if text else None,
            text_layouts=self._layouts(text, source, chain) if text else (),
            lines=lines,
            partials=self._partials(chain),
            reads_of=self._reads_of,
        )

    def _layouts(self, part: Part, source: TemplateSource, chain: Chain) -> tuple[Unit, ...]:
        """The layouts around *part*, from the innermost out."""
        found: list[Unit] = []
        while name := layout_of(part, source):
            source = self._parsed.bundle.layouts[name]
            layout = in_chain(source.parts, part.kind, chain)
            if layout is None:
                break
            part = layout
            found.append(self._parsed.bodies[part.file])
        return tuple(found)

    def _partials(self, chain: Chain) -> dict[str, BoundTemplate]:
        found = {}
        for source in self._parsed.bundle.layouts.values():
            for kind in KINDS:
                part = in_chain(source.parts, kind, chain)
                if part is not None:
                    found[f"{source.name}.{kind}"] = self._parsed.bodies[part.file].template
        return found

    def _reads_of(self, partial: str) -> frozenset[str]:
        """What *partial* reads, in any kind and locale, with all that it renders."""
        found = self._reads.get(partial)
        if found is None:
            units = self._parsed.layout_units(partial)
            found = frozenset[str]().union(*(outer_reads(unit, self._reads_of) for unit in units))
            self._reads[partial] = found
        return found
