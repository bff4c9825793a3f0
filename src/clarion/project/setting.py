"""One setting by its names: as code, ``clarion.toml``, the environment and the command line know it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from clarion.domain.duration import show_duration
from clarion.project.setting_kinds import Group
from clarion.project.settings import Settings
from clarion.project.several import SeveralFaults

MASK = "••••"
PREFIX = "CLARION_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One field of `Settings` or of one of its groups."""

    #: The table of ``clarion.toml`` it stands in; "" for the top.
    group: str
    #: Its key in that table.
    key: str
    #: Its attribute in the model: another name only where the key is a word of Python.
    attribute: str
    field: FieldInfo

    @property
    def name(self) -> str:
        """Its dotted name, e.g. ``worker.claim_size``."""
        return f"{self.group}.{self.key}" if self.group else self.key

    @property
    def env(self) -> str:
        """The variable that sets it; with ``_FILE`` behind it, the variable that names a file to read it from."""
        return PREFIX + self.name.replace(".", "_").upper()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace(".", "-").replace("_", "-")

    @property
    def in_file(self) -> bool:
        """Whether ``clarion.toml`` may set it: the project folder cannot be named in a file inside it."""
        return self.name != "project"

    def read(self, value: object, *, as_text: bool) -> object:
        """*value* checked; *as_text* when it comes from where everything is text (the environment, a flag).

        Raises `ValueError` that says what is wrong, never repeating the value of a secret; `SeveralFaults` where it is
        a table whose faults have places of their own.
        """
        adapter: TypeAdapter[object] = TypeAdapter(_annotated(self.field))
        try:
            if as_text and isinstance(value, str) and self.field.annotation in (int, float, bool):
                return adapter.validate_strings(value.strip())
            return adapter.validate_python(value, strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            why = first.get("ctx", {}).get("error")
            if isinstance(why, SeveralFaults):
                raise why from None
            if first["type"] in ("bool_type", "bool_parsing"):
                raise ValueError("expected true or false, without quotes") from None
            raise ValueError(first["msg"].removeprefix("Value error, ").removeprefix("Input ").strip()) from None

    def get(self, settings: Settings) -> object:
        return getattr(getattr(settings, self.group) if self.group else settings, self.attribute)

    @property
    def expected(self) -> str | None:
        """What to write instead of a value that is refused, where that fits in a few words."""
        return f"expected {self.range}" if self.range else None

    @property
    def range(self) -> str:
        """What it may be, in words; "" when its description says it."""
        low, high = (_limit(self.field, side) for side in ("ge", "le"))
        if low is not None and high is not None:
            return f"{show(low)} to {show(high)}"
        choices = [get_args(kind) for kind in _kinds(self.field.annotation) if get_origin(kind) is Literal]
        return " or ".join(f"`{choice}`" for choice in choices[0]) if choices else ""


def every_setting() -> tuple[Setting, ...]:
    """All settings, in the order in which `Settings` declares them."""
    return tuple(_settings_of(Settings, ""))


def show(value: object) -> str:
    """*value* for people: lengths with units, lists with commas, secrets masked."""
    match value:
        case None | ():
            return ""
        case SecretStr():
            return _masked(value.get_secret_value())
        case Mapping():
            return ", ".join(f"{name} = {show(item)}" for name, item in sorted(value.items()))
        case bool():
            return "true" if value else "false"
        case timedelta():
            return show_duration(value)
        case tuple():
            return ", ".join(str(item) for item in value)
        case Path():
            return value.as_posix()
        case _:
            return str(value)


def values_by_group(settings: Iterable[Setting], values: Mapping[str, object]) -> dict[str, Any]:
    """*values*, by dotted name, in the shape that `Settings` is made from."""
    shaped: dict[str, Any] = {}
    for setting in settings:
        if setting.name in values:
            target = shaped.setdefault(setting.group, {}) if setting.group else shaped
            target[setting.attribute] = values[setting.name]
    return shaped


def _settings_of(model: type[BaseModel], group: str) -> Iterator[Setting]:
    for attribute, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Group):
            yield from _settings_of(field.annotation, attribute)
        elif not field.exclude:
            yield Setting(group=group, key=field.alias or attribute, attribute=attribute, field=field)


def _masked(secret: str) -> str:
    """A secret shown by its kind alone; of an address also the host and the path, which help and tell nothing."""
    if secret.count("://") > 1:  # several servers of one broker
        return ",".join(_masked(part) for part in secret.split(","))
    url = urlsplit(secret)
    if not url.hostname:
        return MASK
    port = f":{url.port}" if url.port else ""
    user = f"{MASK}@" if "@" in url.netloc else ""
    return f"{url.scheme}://{user}{url.hostname}{port}{url.path}" + (f"?{MASK}" if url.query else "")


def _annotated(field: FieldInfo) -> Any:
    """The field's type with its validators and limits, and nothing else."""
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _kinds(annotation: object) -> tuple[object, ...]:
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _limit(field: FieldInfo, side: str) -> object:
    return next((getattr(item, side) for item in field.metadata if hasattr(item, side)), None)
