"""What accounts leave to the platform: variables of the environment that a cloud sets in its containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from clarion.project.mistake import Mistake
from clarion.project.settings_file import at


def fill_in(values: dict[str, object], origins: Mapping[str, str], environ: Mapping[str, str]) -> Iterator[Mistake]:
    """Fill in what the accounts among *values* leave to *environ*; what cannot be of that."""
    if accounts := values.get("providers"):
        from clarion.project.providers import with_variables  # only where there is one

        assert isinstance(accounts, tuple)
        try:
            values["providers"] = with_variables(accounts, environ)
        except ValueError as error:
            yield Mistake(**at(origins["providers"]), message=f"providers: {error}")
