"""Words that are made of others before they are published: MJML as HTML, and HTML with its styles inlined.

A template is put together with its layouts and what these include, as text; what comes of it stands alone. Included is
only what stands in `layouts/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from clarion.project.mistake import Mistake, Severity
from clarion.project.word_file import WordFile, unknown_layout
from clarion.templates.errors import TemplateFault
from clarion.templates.inline_css import inline_css
from clarion.templates.marks import Lines
from clarion.templates.mjml import Compiled, compile_mjml

Group = tuple[WordFile, ...]

_DEEPEST = 10
_CONTENT = re.compile(r"\{\{-?\s*content\s*-?\}\}")
_INCLUDE = re.compile(
    r"<mj-include\b(?P<attributes>[^<>]*?)/?>(?:\s*</mj-include>)?|(?P<content>\{\{-?\s*content\s*-?\}\})"
)
_PATH = re.compile(r"""\bpath\s*=\s*["'](?:\./|\.\./layouts/|layouts/)?([a-z0-9_-]{1,64})(?:\.mjml)?["']""")


class Made(NamedTuple):
    """What became of the words of a project."""

    templates: Mapping[str, Mapping[str, Group]]
    #: Those that are no MJML.
    layouts: Mapping[str, Group]
    #: Those that are in what was made.
    used: frozenset[str]
    mistakes: Sequence[Mistake]


class _Wrong(Exception):
    def __init__(self, mistake: Mistake) -> None:
        self.mistake = mistake


def make(templates: Mapping[str, Mapping[str, Group]], layouts: Mapping[str, Group]) -> Made:
    """*templates*, by workflow and name, as they are published, with what is wrong with those that are made."""
    maker = _Maker(layouts)
    made = {
        workflow: {name: found for name, group in named.items() if (found := tuple(maker.all(group)))}
        for workflow, named in templates.items()
    }
    return Made(made, _without_mjml(layouts), frozenset(maker.used), [*maker.mistakes, *maker.unused()])


class _Maker:
    def __init__(self, layouts: Mapping[str, Group]) -> None:
        self._mjml = {name: found for name, group in layouts.items() if (found := tuple(filter(_is_mjml, group)))}
        self._html = _without_mjml(layouts)
        self.used: set[str] = set()
        self.mistakes: list[Mistake] = []

    def all(self, group: Group) -> Iterator[WordFile]:
        """The words of one template; of those that are spoilt, only that they are there."""
        for word in group:
            if word.part.kind != "html" or not (_is_mjml(word) or "css" in word.part.matter):
                yield word
                continue
            try:
                done = self._made(word, group)
            except _Wrong as wrong:
                self.mistakes.append(wrong.mistake)
                done = []
            if not isinstance(done, WordFile):
                self.mistakes += [_mistake(one) for one in done]
                done = _as(word, Compiled(" ", ()))
            yield done

    def unused(self) -> Iterator[Mistake]:
        """Layouts of MJML that nothing uses."""
        for name, group in self._mjml.items():
            if name not in self.used:
                yield group[0].mistake("no template uses this layout", severity=Severity.WARNING)

    def _made(self, word: WordFile, group: Group) -> WordFile | Sequence[TemplateFault]:
        mjml = _is_mjml(word)
        if mjml and "css" in word.part.matter:
            hint = 'use <mj-style inline="inline">'
            raise _Wrong(word.mistake("MJML says by itself which styles are inlined", hint, key="css"))
        lines = Lines()
        chain = self._chain(word, group, self._mjml if mjml else self._html)
        for text, file, line in self._pieces(chain, mjml, word.part.locale):
            lines.add(text, file, line)
        work: Callable[[Lines], Compiled | list[TemplateFault]] = compile_mjml if mjml else inline_css
        done = work(lines)
        if not isinstance(done, Compiled):
            return done
        return _as(word, done)

    def _chain(self, word: WordFile, group: Group, layouts: Mapping[str, Group]) -> list[WordFile]:
        """*word* and its layouts, the outermost first; those of its own locale come before those for all."""
        chain, siblings = [word], group
        while name := _layout_of(chain[0], siblings):
            if name not in layouts:
                raise _Wrong(chain[0].mistake(*unknown_layout(name, layouts), key="layout"))
            self.used.add(name)
            siblings = layouts[name]
            around = _of_locale(siblings, word.part.locale)
            if around is None or around in chain or len(chain) > _DEEPEST:
                raise _Wrong(
                    chain[0].mistake(f"the layout `{name}` comes back to itself, or has no words", key="layout")
                )
            chain.insert(0, around)
        return chain

    def _pieces(
        self, chain: Sequence[WordFile], mjml: bool, locale: str | None, within: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, str, int]]:
        """The text of *chain*, each within the one before it, with what is included in words for *locale*: in pieces,
        each with the file and the line that it begins on."""
        word, inner = chain[0], chain[1:]
        part, at, filled = word.part, 0, False
        for found in (_INCLUDE if mjml else _CONTENT).finditer(part.text):
            includes = mjml and not found["content"]
            if not includes and not inner:
                continue
            yield part.text[at : found.start()], part.file, part.place(at).line
            at = found.end()
            if includes:
                yield from self._included(word, found, locale, within)
            else:
                filled = True
                yield from self._pieces(inner, mjml, locale)
        yield part.text[at:], part.file, part.place(at).line
        if inner and not filled:
            raise _Wrong(word.mistake("a layout says `{{ content }}` where what it goes around belongs"))

    def _included(
        self, word: WordFile, tag: re.Match[str], locale: str | None, within: tuple[str, ...]
    ) -> Iterator[tuple[str, str, int]]:
        place = word.part.place(tag.start())
        path = _PATH.search(tag["attributes"])
        name = path[1] if path else ""
        problem = None
        if not path or "type=" in tag["attributes"]:
            problem = 'only files of layouts/ are included, by their names: <mj-include path="footer.mjml" />'
        elif name not in self._mjml:
            problem = f"there is no layouts/{name}.mjml to include"
        elif name in within or len(within) >= _DEEPEST:
            problem = f"includes itself: {' → '.join([*within, name])}"
        if problem is not None:
            raise _Wrong(Mistake(file=place.file, line=place.line, message=problem))
        self.used.add(name)
        included = _of_locale(self._mjml[name], locale) or self._mjml[name][0]
        yield from self._pieces([included], True, locale, (*within, name))


def _as(word: WordFile, done: Compiled) -> WordFile:
    """*word* with the text that was made of it."""
    matter = {key: value for key, value in word.part.matter.items() if key not in ("layout", "css")}
    return replace(word, part=replace(word.part, text=done.html, places=done.places, matter=matter, first_line=1))


def _without_mjml(layouts: Mapping[str, Group]) -> dict[str, Group]:
    return {
        name: rest for name, group in layouts.items() if (rest := tuple(word for word in group if not _is_mjml(word)))
    }


def _is_mjml(word: WordFile) -> bool:
    return word.part.file.endswith(".mjml")


def _layout_of(word: WordFile, group: Sequence[WordFile]) -> str | None:
    """The layout that *word* names; one that says nothing of it has that of the file for every locale."""
    plain = next((one for one in group if one.part.locale is None and _is_mjml(one) is _is_mjml(word)), word)
    named = word.part.matter.get("layout", plain.part.matter.get("layout"))
    return str(named) if named else None


def _of_locale(group: Sequence[WordFile], locale: str | None) -> WordFile | None:
    found = {word.part.locale: word for word in group if word.part.kind == "html"}
    return found.get(locale) or found.get(None)


def _mistake(fault: TemplateFault) -> Mistake:
    message, _, hint = fault.detail.partition("; ")
    return Mistake(file=fault.file, line=fault.line, message=message, hint=hint or None)
