"""``clarion import``: what other systems have, as files of a project folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clarion.project.mistake import Mistake

app = typer.Typer(no_args_is_help=True, help="Turn what other systems have into files of a project folder.")

_Files = Annotated[list[Path], typer.Argument(metavar="FILE", help="Handlebars templates and partials.")]
_Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Write FILE.html (or .txt) there; without it, to standard output."),
]
_Root = Annotated[str, typer.Option("--root", metavar="NAME", help="Where the templates' values are.")]
_Strict = Annotated[bool, typer.Option("--strict", help="Let a missing value fail its message; else it shows nothing.")]
_Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]


@app.callback()
def _group() -> None:
    pass


@app.command()
def handlebars(
    files: _Files, out: _Out = None, root: _Root = "payload", strict: _Strict = False, force: _Force = False
) -> None:
    """Turn Handlebars templates into Liquid, and list what could not be.

    Each with file, line and what to do. Exits with 1 when anything is left to do by hand.
    """
    import sys

    from clarion.project.handlebars.convert import convert
    from clarion.project.mistake import any_error

    if out is None and len(files) > 1:
        raise typer.BadParameter("say where to write several files", param_hint="--out")
    if not root.isidentifier() or not root.isascii():
        raise typer.BadParameter(f"{root!r} is not the name of a variable", param_hint="--root")
    targets = _targets(files, out, force=force)
    mistakes: list[Mistake] = []
    for file, target in targets.items():
        source = _read(file)
        # A name such as mail.txt.hbs says that it is no HTML.
        html = _kind(file) == "html"
        converted = convert(source, str(file), html=html, root=root, strict=strict)
        mistakes += converted.mistakes
        if target is None:
            sys.stdout.write(converted.liquid)
        elif converted.liquid or not source:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(converted.liquid, encoding="utf-8", newline="")
            print(target)
    for mistake in mistakes:
        print(mistake, file=sys.stderr)
    if any_error(mistakes):
        raise typer.Exit(1)


def _targets(files: list[Path], out: Path | None, *, force: bool) -> dict[Path, Path | None]:
    """Where each file goes. Raises `Invalid` when two go to the same place, or something is there."""
    from clarion.errors import Invalid

    if out is None:
        return dict.fromkeys(files)
    targets: dict[Path, Path | None] = {}
    for file in files:
        target = out / f"{_stem(file)}.{_kind(file)}"
        if target in targets.values():
            raise Invalid(f"Two of the files would become {target}: convert them one after the other.")
        if target.exists() and not force:
            raise Invalid(f"{target} is there already: remove it, or say --force.")
        targets[file] = target
    return targets


def _read(file: Path) -> str:
    from clarion.errors import Invalid

    try:
        with file.open(encoding="utf-8", newline="") as opened:
            return opened.read()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise Invalid(f"{file} cannot be read: {why}") from None


def _stem(file: Path) -> str:
    name = file.name
    for ending in (".handlebars", ".hbs"):
        name = name.removesuffix(ending)
    for ending in (".html", ".txt", ".text"):
        name = name.removesuffix(ending)
    return name


def _kind(file: Path) -> str:
    return "txt" if any(suffix in (".txt", ".text") for suffix in file.suffixes) else "html"
