"""A template with a trigger's data: what is left is the recipient."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from liquid.exceptions import LiquidError

from clarion.domain.content import Content, EmailContent, InAppContent, SmsContent
from clarion.domain.recipient import Recipient
from clarion.domain.workflow import Channel
from clarion.templates.errors import RenderError
from clarion.templates.explain import Explainer
from clarion.templates.limits import Limits, Run
from clarion.templates.program import Program
from clarion.templates.words import Choice, Words, fill

#: What no header and no title may hold: control characters and Unicode's own line ends.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: Where a link may lead: the web, a mailbox, a telephone, or a page of the application itself.
_ADDRESS = re.compile(r"(?:https?://|mailto:|tel:|/(?!/)|\Z)[^\s\\]*\Z", re.IGNORECASE)
_MOST_LOCALES = 500


class Prepared:
    """One template, one channel, one trigger. May be read by many threads and kept for as long as the trigger runs."""

    __slots__ = ("_by_locale", "_channel", "_choose", "_explain", "_limits", "_made", "_open_words", "_seen", "_shared")

    def __init__(
        self,
        choose: Callable[[str | None], Choice],
        channel: Channel,
        shared: Mapping[str, object],
        limits: Limits,
        explain: Explainer,
        open_words: Callable[[Choice], Words | None],
    ) -> None:
        """*open_words* gives the words of a choice with nothing filled in, which serve a trigger's only recipient."""
        self._open_words = open_words
        self._seen: set[int] = set()
        self._choose = choose
        self._channel = channel
        self._shared = shared
        self._limits = limits
        self._explain = explain
        #: By the locale a recipient has; many lead to the same words.
        self._by_locale: dict[object, Words | RenderError] = {}
        self._made: dict[int, Words | RenderError] = {}

    def render(self, recipient: Recipient | Mapping[str, object], message: Mapping[str, object]) -> Content:
        """What this *recipient* is told.

        *recipient* may be given as its `variables()`; *message* has `id` and `channel`. Raises `RenderError`.
        """
        if isinstance(recipient, Recipient):
            recipient = recipient.variables()
        locale = recipient["locale"]
        words = self._by_locale.get(locale) or self._words(locale)
        if isinstance(words, RenderError):
            raise words.again()
        run = Run(self._limits, words.choice.locale, words.choice.partials)
        variables = {**self._shared, "recipient": recipient, "message": message}
        try:
            content = (_email if self._channel is Channel.EMAIL else _in_app)(words, variables, run)
        except (LiquidError, ValueError, ArithmeticError, TypeError, LookupError, RecursionError, MemoryError) as error:
            raise self._explain.error(error, words.choice, {**words.missing, **run.missing}) from error
        if words.missing or run.missing:
            raise self._explain.missing(words.choice, {**words.missing, **run.missing})
        self._check(content, words.choice)
        return content

    def _words(self, locale: object) -> Words | RenderError:
        """The words for *locale*, made now or for another locale before."""
        choice = self._choose(locale if isinstance(locale, str) else None)
        if id(choice) not in self._seen:  # filling in the trigger's data pays from the second recipient on
            self._seen.add(id(choice))
            generic = self._open_words(choice)
            if generic is not None:
                return generic
        words = self._made.get(id(choice))
        if words is None:
            try:
                words = fill(choice, self._shared, self._limits)
            except (
                LiquidError,
                ValueError,
                ArithmeticError,
                TypeError,
                LookupError,
                RecursionError,
                MemoryError,
            ) as error:
                # Kept: what fails with the trigger's own data must not be tried again for each of a million people.
                words = self._explain.error(error, choice, {})
            self._made[id(choice)] = words
        if len(self._by_locale) < _MOST_LOCALES:
            self._by_locale[locale] = words
        return words

    def _check(self, content: Content, choice: Choice) -> None:
        """Refuse what no provider should be given."""
        texts: tuple[str, ...]
        if isinstance(content, EmailContent):
            line, texts = content.subject, (content.subject, content.text, content.html or "")
        elif isinstance(content, SmsContent):
            line, texts = "", (content.text,)
        else:
            line, texts = content.title, (content.title, content.body, content.url or "")
            if not _ADDRESS.match(content.url or ""):
                detail = "the url is neither http(s), mailto or tel nor a path that begins with /"
                raise RenderError(detail, code="invalid_url", file=choice.file, locale=choice.locale)
        if _CONTROL.search(line):
            key = "subject" if isinstance(content, EmailContent) else "title"
            detail = f"the {key} has a line end or another control character in it"
            raise RenderError(detail, code="invalid_header", file=choice.file, locale=choice.locale)
        size = sum(map(_bytes, texts))
        if size < 0:
            raise RenderError("half of a surrogate pair", code="invalid_text", file=choice.file, locale=choice.locale)
        if size > self._limits.output:
            detail = f"{size:,} bytes, where {self._limits.output:,} are allowed"
            raise RenderError(detail, code="too_large", file=choice.file, locale=choice.locale)


def _email(words: Words, variables: Mapping[str, object], run: Run) -> EmailContent:
    subject = words.lines["subject"].render(variables, run)
    html, values = None, None
    if words.html is not None:
        html, values = _render(words.html, variables, run)
    if words.text is not None:
        text = words.text.render(variables, run)
    else:
        assert words.twin is not None
        text = words.twin.text(html or "", values)
    return EmailContent(subject=subject, html=html, text=text)


def _in_app(words: Words, variables: Mapping[str, object], run: Run) -> InAppContent:
    assert words.text is not None
    url = words.lines["url"].render(variables, run).strip() if "url" in words.lines else None
    return InAppContent(
        title=words.lines["title"].render(variables, run),
        body=words.text.render(variables, run).strip(),
        url=url or None,
    )


def _render(program: Program, variables: Mapping[str, object], run: Run) -> tuple[str, list[str] | None]:
    """What *program* gives, and the values of its holes if holes are all it has."""
    if program.steps:
        return program.render(variables, run), None
    out = list(program.parts)
    values = program.fill(out, variables, run)
    return "".join(out), values


def _bytes(text: str) -> int:
    """The length of *text* in UTF-8; far below zero when it cannot be written in it."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return -(1 << 60)
