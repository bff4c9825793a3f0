"""What a template sees while it is rendered: plain data, and what it may cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from liquid import RenderContext
from liquid.exceptions import ResourceLimitError
from liquid.undefined import UNDEFINED
from liquid.utils import ReadOnlyChainMap
from markupsafe import Markup

from clarion.templates.absent import Absent
from clarion.templates.filters import apply, own_filters
from clarion.templates.limits import Page

if TYPE_CHECKING:
    from liquid import BoundTemplate
    from liquid.token import Token

    from clarion.templates.limits import Run

_NOTHING = object()
_OWN = own_filters()


class Scope(RenderContext):
    """Liquid's context with everything counted, and what is missing noted instead of blank."""

    __slots__ = ("_weights", "run")

    run: Run

    def __init__(self, template: BoundTemplate, *, run: Run | None = None, **more: Any) -> None:
        # A partial's scope is made by Liquid, from its caller's.
        self.run = run if run is not None else cast("Scope", more["parent_context"]).run
        self._weights: dict[str, int] = {}
        super().__init__(template, **more)
        # Without Liquid's own `now` and `today`.
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)

    @property
    def disabled_tags(self) -> list[str]:
        """Always empty. Every node asks for it before it is rendered, so here is where nodes are counted."""
        self.run.spend(1)
        return []

    @disabled_tags.setter
    def disabled_tags(self, tags: object) -> None:
        pass

    def get(self, path: list[object], *, token: Token | None, default: object = UNDEFINED) -> object:
        """The value at *path*; an `Absent` when there is none, or it is null in the data."""
        for segment in path:
            if isinstance(segment, Absent):
                return segment
        found = super().get(path, token=token, default=_NOTHING)
        if found is _NOTHING or (found is None and (len(path) > 1 or path[0] in self.globals)):
            return Absent(_name(path), token=token, run=self.run) if default is UNDEFINED else default
        return found

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        """The filter *name*, guarded."""
        own = _OWN.get(name)
        if own is not None:
            return partial(_call, self, name, partial(own, self))
        return partial(_call, self, name, super().filter(name, token))

    def assign(self, key: str, val: Any) -> None:
        """Keep *val* as *key*, if there is room for it."""
        self.locals[key] = val
        self._weights[key] = _weight(val)
        if sum(self._weights.values()) > self.run.limits.variables:
            raise ResourceLimitError("variables that hold more than a template may", token=None)
        self.run.spend(len(self._weights) // 16)

    def get_size_of_locals(self) -> int:
        return 0  # see assign

    def raise_for_loop_limit(self, length: int = 1) -> None:
        """Count the turns of a loop as it begins; every nested loop counts each time it does."""
        self.run.spend(length)

    def stopindex(self, key: str, index: int | None = None) -> int:
        """Where a loop ends. Liquid sets it before it unrolls a reversed range, so an endless one stops here."""
        if index is not None:
            self.run.check_items(index)
        return super().stopindex(key, index)

    def get_buffer(self, buf: object = None) -> Page:  # type: ignore[override]
        """Where a capture is written."""
        return Page(self.run, value=True)


def _call(
    scope: Scope, name: str, function: Callable[..., object], left: object, /, *args: Any, **named: Any
) -> object:
    return apply(scope, name, function, left, args, named)


def _weight(value: object) -> int:
    """Roughly what *value* holds."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | tuple):
        return len(value) + sum(len(item) for item in value if isinstance(item, str))
    return 1


def _name(path: list[object]) -> str:
    """*path* as a template writes it."""
    name = str(path[0])
    for segment in path[1:]:
        plain = isinstance(segment, str) and segment.replace("-", "_").isidentifier()
        name += f".{segment}" if plain else f"[{segment!r}]"
    return name


def variables_of(data: Mapping[str, object], content: str | None, *, html: bool) -> dict[str, object]:
    """The names a layout sees: the *data*'s, and the *content* it goes around."""
    seen = dict(data)
    if content is not None:
        seen["content"] = Markup(content) if html else content  # noqa: S704 - rendered and escaped just before
    return seen
