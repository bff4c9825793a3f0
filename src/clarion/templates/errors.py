"""What goes wrong with words: while a template is made ready, and while it is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from clarion.errors import Fault, Invalid


@dataclass(frozen=True, slots=True)
class TemplateFault(Fault):
    """One mistake in one template file. Its `pointer` is ``file:line``."""

    file: str = ""
    #: 1-based, in the file as it is on disk; None when it concerns the whole file.
    line: int | None = None
    #: Of a mistake in the front matter: the key of the text that it is in, for there the line is not kept.
    key: str = ""


def fault(file: str, line: int | None, detail: str, code: str = "invalid_template", *, key: str = "") -> TemplateFault:
    """The fault *detail* of *file* at *line*, or in the text of its front matter under *key*."""
    return TemplateFault(f"{file}:{line}" if line else file, detail, code, file=file, line=line, key=key)


class RenderError(Invalid):
    """The words of this message cannot be made; trying again with the same data will not help.

    Codes: ``missing_variables`` (see `names`), ``resource_limit``, ``too_large``, ``empty``, ``invalid_header``,
    ``invalid_url``, ``invalid_ttl``, ``invalid_text``, ``no_template``, ``render_failed``.
    """

    code = "render_failed"

    def __init__(
        self,
        detail: str,
        *,
        code: str = "render_failed",
        file: str = "",
        line: int | None = None,
        locale: str = "",
        names: tuple[str, ...] = (),
    ) -> None:
        where = f"{file}:{line}" if line else file
        parts = [where, f"[{locale}]" if locale else "", detail]
        super().__init__(" ".join(part for part in parts if part), code=code)
        self.detail = detail
        self.file = file
        self.line = line
        self.locale = locale
        #: The variables that the data lacks, for ``missing_variables``.
        self.names = names

    def again(self) -> RenderError:
        """A new error that says the same: one that was kept would gather tracebacks each time it is raised."""
        return RenderError(
            self.detail, code=self.code, file=self.file, line=self.line, locale=self.locale, names=self.names
        )


class Place(Protocol):
    """Words, as far as an error names them."""

    @property
    def file(self) -> str: ...
    @property
    def locale(self) -> str: ...


def refused(place: Place, detail: str, *, code: str) -> RenderError:
    """What was rendered of the words at *place* must not be sent."""
    return RenderError(detail, code=code, file=place.file, locale=place.locale)
