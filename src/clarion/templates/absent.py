"""A value that is not there: it may be tested and given a default; to show it or work with it is noted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from liquid.exceptions import UndefinedError
from liquid.undefined import UNDEFINED, Undefined

if TYPE_CHECKING:
    from liquid.token import Token

    from clarion.templates.limits import Run


class Absent(Undefined):
    """What Liquid gets for a name that the data lacks, or whose value is null.

    Noting instead of raising lets one rendering name everything that is missing.
    """

    __slots__ = ("run",)

    #: The `default` filter replaces it without looking at it.
    force_liquid_default = True

    def __init__(
        self,
        name: str,
        *,
        token: Token | None = None,
        obj: object = UNDEFINED,
        hint: str | None = None,
        run: Run | None = None,
    ) -> None:
        super().__init__(name, token=token, obj=obj, hint=hint)
        self.run = run

    def miss(self) -> None:
        """Note that the name was needed."""
        if self.run is None:
            raise UndefinedError(f"{self.name} is missing", token=self.token)
        self.run.missing.setdefault(self.name, self.token)

    def poke(self) -> bool:
        self.miss()
        return True

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        self.miss()
        return 0

    def __iter__(self) -> Iterator[Any]:
        self.miss()
        return iter(())

    def __reversed__(self) -> Iterator[Any]:
        self.miss()
        return iter(())

    def __contains__(self, item: object) -> bool:
        self.miss()
        return False

    def __str__(self) -> str:
        self.miss()
        return ""

    def __int__(self) -> int:
        self.miss()
        return 0

    def __eq__(self, other: object) -> bool:
        return other is None or isinstance(other, Undefined)

    __hash__ = Undefined.__hash__
