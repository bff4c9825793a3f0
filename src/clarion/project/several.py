"""Several things that are wrong with one setting that is a table, each with its place in it."""

from __future__ import annotations

from collections.abc import Iterable


class SeveralFaults(ValueError):
    """What is wrong with a table or a list of tables, all of it."""

    def __init__(self, faults: Iterable[tuple[str, str]]) -> None:
        #: Of each the dotted name of the entry or of its key, as it stands below the setting, and what is wrong there.
        self.each = tuple(faults)
        super().__init__("; ".join(what for _, what in self.each))
