"""Commands that talk to a running system: which one that is, and what opens it, they ask for in the same words."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cached_property, update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, cast, get_type_hints

from clarion.cli.options import ApiKey, DataDir, Insecure, Project, Url

if TYPE_CHECKING:
    from clarion.cli.remote import Remote

_Own = ParamSpec("_Own")
#: What they ask for, by the name of the parameter of `address.remote`.
_WHERE = {"url": Url, "api_key": ApiKey, "project": Project, "data_dir": DataDir, "insecure": Insecure}


class _Unopened:
    """A system that is looked for when something is first asked of it: wrong usage is told before a missing key."""

    def __init__(self, where: dict[str, Any]) -> None:
        self._where = where

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opened, name)

    @cached_property
    def _opened(self) -> Remote:
        from clarion.cli.address import remote  # late: what has no use for HTTP must not load it

        return remote(**self._where)


def talks(command: Callable[Concatenate[Remote, _Own], None]) -> Callable[..., None]:
    """Give *command*, which is handed the system that it talks to, the options that say where that is.

    They stand behind its own, before `--json`.
    """

    def talking(**given: Any) -> None:
        system = _Unopened({name: given.pop(name) for name in _WHERE})
        call(cast("Remote", system), **given)

    call: Callable[..., None] = command
    _, *own = inspect.signature(command).parameters.values()
    hints = get_type_hints(command, localns={"Remote": Any}, include_extras=True) | _WHERE
    where = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None) for name in _WHERE]
    behind = [one for one in own if one.name == "json"]
    asked = [*(one for one in own if one not in behind), *where, *behind]
    update_wrapper(talking, command)
    del talking.__wrapped__  # type: ignore[attr-defined]
    talking.__annotations__ = {one.name: hints[one.name] for one in asked}
    talking.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [one.replace(annotation=hints[one.name]) for one in asked]
    )
    return talking
