"""A template with a trigger's data: what is left is the recipient."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from liquid.exceptions import LiquidError

from clarion.domain.content import Content
from clarion.domain.recipient import Recipient
from clarion.domain.workflow import Channel
from clarion.templates.contents import MAKE, check
from clarion.templates.errors import RenderError
from clarion.templates.explain import Explainer
from clarion.templates.limits import Limits, Run
from clarion.templates.words import Choice, Words, fill

_MOST_LOCALES = 500


class Prepared:
    """One template, one channel, one trigger. May be read by many threads and kept for as long as the trigger runs."""

    __slots__ = ("_by_locale", "_choose", "_explain", "_limits", "_made", "_make", "_open_words", "_seen", "_shared")

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
        self._make = MAKE[channel]
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
            content = self._make(words, variables, run)
        except (LiquidError, ValueError, ArithmeticError, TypeError, LookupError, RecursionError, MemoryError) as error:
            raise self._explain.error(error, words.choice, {**words.missing, **run.missing}) from error
        if words.missing or run.missing:
            raise self._explain.missing(words.choice, {**words.missing, **run.missing})
        check(content, words.choice, self._limits)
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
