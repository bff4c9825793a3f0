"""Settings, read once: from flags, the environment and ``clarion.toml``; checked whole.

This is the one door through which the environment is read. Whatever comes first in this order counts: a flag, the
environment (``CLARION_PORT``, or ``CLARION_PORT_FILE`` with the name of a file that holds the value), the file, the
default. An empty variable counts as absent.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from clarion.domain.address import parse_sender
from clarion.domain.suggest import did_you_mean
from clarion.errors import ConfigError
from clarion.project import platform
from clarion.project.aliases import lowered, read_aliases
from clarion.project.broker_urls import SCHEMES
from clarion.project.mail_settings import lacking
from clarion.project.mistake import Mistake
from clarion.project.setting import PREFIX, Setting, every_setting, show, values_by_group
from clarion.project.setting_groups import Worker
from clarion.project.settings import Settings
from clarion.project.settings_file import NAME, at, place_of, read_settings_file

# fmt: off
__all__ = [
    "Settings", "broker_url", "effective", "load_settings", "project_folder", "read_settings", "secret_of",
    "wants_colour",
]
# fmt: on

#: What Kubernetes adds to the environment of every pod beside a service called ``clarion``.
_KUBERNETES = re.compile(r"CLARION_(SERVICE_(HOST|PORT(_\w+)?)|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_SERVICE_LINK = "Kubernetes sets it beside a Service called `clarion`: say `enableServiceLinks: false`"


def load_settings(flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """All settings as they count now: see `read_settings`.

    Raises `ConfigError` that names every problem, one a line.
    """
    settings, mistakes = read_settings(flags, environ)
    if settings is None:
        raise ConfigError("\n".join(str(mistake) for mistake in mistakes))
    return settings


def read_settings(
    flags: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
) -> tuple[Settings | None, list[Mistake]]:
    """All settings as they count now; None with every mistake among them.

    *flags* are by dotted name, e.g. ``{"worker.processes": 4}``; what is None there was not given. *environ* is the
    process's own environment unless said.
    """
    known, environ = {one.name: one for one in every_setting()}, os.environ if environ is None else environ
    given = {name: value for name, value in (flags or {}).items() if value is not None}
    from_env, mistakes = _environment(known.values(), environ)
    project = _project(known["project"], given, from_env)
    from_file, lines, in_file = read_settings_file(project)
    mistakes += in_file

    values: dict[str, object] = dict(from_file)
    origins = {name: f"{NAME}:{lines[name]}" if name in lines else NAME for name in from_file}
    flagged = {name: (value, known[name].flag) for name, value in given.items()}
    for name, (value, origin) in {**from_env, **flagged}.items():
        try:
            values[name] = known[name].read(value, as_text=True)
            origins[name] = origin
        except ValueError as error:
            hint = _SERVICE_LINK if str(value).startswith("tcp://") else known[name].expected
            mistakes.append(Mistake(file=origin, message=str(error), hint=hint))
    values["project"] = project
    values["data_dir"] = project / Path(str(values.get("data_dir", known["data_dir"].field.default)))
    mistakes += [*platform.fill_in(values, origins, environ), *_together(values, origins, lines)]
    if mistakes:
        return None, mistakes
    groups, too_much = values_by_group(known.values(), values), lowered(environ, origins.values())
    return Settings(**groups, origins=origins, lowered=too_much), []


def project_folder(flag: Path | None = None, environ: Mapping[str, str] | None = None) -> Path:
    """The project folder alone, for who reads it in spite of settings that cannot be used."""
    known = {setting.name: setting for setting in every_setting()}
    from_env, _ = _environment(known.values(), os.environ if environ is None else environ)
    return _project(known["project"], {} if flag is None else {"project": flag}, from_env)


def effective(settings: Settings) -> list[tuple[str, str, str]]:
    """The table of settings in force: name, value (secrets masked) and where it came from."""
    return [
        (setting.name, show(setting.get(settings)), settings.origins.get(setting.name, "default"))
        for setting in every_setting()
    ]


def broker_url(settings: Settings, kind: str, name: str | None = None) -> str:
    """The address of the broker of *kind* that is called *name*, or of the only one of that kind where it has none.

    Raises `ConfigError` when none is set, or what is set under that name is of another kind.
    """
    if name is None:
        url = {"rabbitmq": settings.amqp_url, "nats": settings.nats_url, "bullmq": settings.redis_url}[kind]
        if url is None:
            raise ConfigError(f"There is no address of {kind}: set CLARION_{SCHEMES[kind][0].upper()}_URL.")
        return url.get_secret_value()
    if name not in settings.brokers:
        hint = did_you_mean(name, settings.brokers) if settings.brokers else f"add it to the table [brokers] of {NAME}"
        raise ConfigError(f"There is no broker called {name!r}: {hint}")
    address = settings.brokers[name].get_secret_value()
    if address.partition("://")[0] not in SCHEMES[kind]:
        raise ConfigError(f"The broker {name!r} is not {kind}: its address does not begin with {SCHEMES[kind][0]}://")
    return address


def wants_colour(environ: Mapping[str, str] | None = None) -> bool:
    """Whether people here want colours: https://no-color.org says how they say that they do not."""
    return not (os.environ if environ is None else environ).get("NO_COLOR")


def secret_of(settings: Settings) -> str:
    """The secret that hashes API keys and signs cursors: the one set, or one made once and kept in the data folder.

    The file is readable by its owner alone. Several processes may ask at the same moment: they get the same one.
    """
    if settings.secret is not None:
        return settings.secret.get_secret_value()
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = settings.data_dir / "secret"
    fresh = settings.data_dir / f"secret.{os.getpid()}.{secrets.token_hex(4)}"
    if not path.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(descriptor, secrets.token_hex(32).encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        try:
            path.hardlink_to(fresh)  # fails when another process was first; never half a secret
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    kept = path.read_text(encoding="ascii").strip()
    if len(kept) < 32:
        raise ConfigError(f"{path} does not hold a secret of 32 characters or more; restore it or set CLARION_SECRET")
    return kept


def _environment(
    known: Iterable[Setting], environ: Mapping[str, str]
) -> tuple[dict[str, tuple[str, str]], list[Mistake]]:
    """What the environment sets, by dotted name with its origin; and what of it is no setting."""
    by_env = {setting.env: setting for setting in known}
    found: dict[str, tuple[str, str]] = {}
    mistakes: list[Mistake] = []
    for name, value in sorted(environ.items()):
        if not name.startswith(PREFIX) or not value or _KUBERNETES.fullmatch(name):
            continue
        setting = by_env.get(name) or by_env.get(name.removesuffix("_FILE"))
        if setting is None:
            mistakes.append(Mistake(file=name, message="there is no such setting", hint=did_you_mean(name, by_env)))
        elif setting.name in found:
            mistakes.append(Mistake(file=name, message=f"{setting.env} is set too", hint="set only one of the two"))
        elif name == setting.env:
            found[setting.name] = (value, name)
        else:
            try:
                found[setting.name] = (Path(value).read_text(encoding="utf-8").strip("\r\n"), name)
            except (OSError, ValueError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                mistakes.append(Mistake(file=name, message=f"the file {value!r} cannot be read: {why}"))
    return read_aliases(environ) | found, mistakes


def _project(setting: Setting, flags: Mapping[str, object], env: Mapping[str, tuple[str, str]]) -> Path:
    """The project folder: it must be known before the file in it can be read."""
    value = flags.get("project") or env.get("project", (setting.field.default, ""))[0]
    try:
        return Path(str(setting.read(value, as_text=True))).resolve()
    except ValueError:
        return Path(str(setting.field.default)).resolve()  # told as a mistake with the others


def _webhooks(values: Mapping[str, object], origins: Mapping[str, str]) -> Iterator[Mistake]:
    """Endpoints that lead where none is allowed."""
    if endpoints := values.get("webhooks"):
        from clarion.project.webhooks import refused

        allowed = values.get("publish.allow_networks", ())
        assert isinstance(endpoints, tuple) and isinstance(allowed, tuple)
        for name, why in refused(endpoints, allowed).items():
            hint = "list its network in publish.allow_networks if it is yours"
            yield Mistake(**at(origins["webhooks"]), message=f"webhooks.{name}: {why}", hint=hint)


def _accounts(values: Mapping[str, object], origins: Mapping[str, str], lines: Mapping[str, int]) -> Iterator[Mistake]:
    """Accounts for a channel that are none, or none that can be chosen."""
    if any(name in ("providers", "routes") or ".provider" in name for name in values):
        from clarion.project.providers import mischosen

        for setting, message, hint in mischosen(values, lines):
            yield Mistake(**place_of(setting, origins, lines), message=message, hint=hint)


def _queues(values: Mapping[str, object], origins: Mapping[str, str], lines: Mapping[str, int]) -> Iterator[Mistake]:
    """Tables of queues that name some that are none."""
    for setting in ("rates", "concurrency"):
        named = values.get(setting)
        if isinstance(named, Mapping) and named:
            from clarion.flows.queues import NAMES

            for name in sorted(named.keys() - set(NAMES)):
                place = place_of(f"{setting}.{name}", origins, lines)
                message = f"`{setting}`: there is no queue `{name[:64]}`"
                yield Mistake(**place, message=message, hint=did_you_mean(name, NAMES))


def _together(values: Mapping[str, object], origins: Mapping[str, str], lines: Mapping[str, int]) -> list[Mistake]:
    """What no setting shows by itself."""
    mistakes = []
    project = Path(str(values["project"]))
    if not project.is_dir():
        mistakes.append(Mistake(file=origins.get("project", "project"), message=f"there is no folder {str(project)!r}"))
    claim, intent = (
        values.get(f"worker.{name}", Worker.model_fields[name].default) for name in ("claim_size", "intent_size")
    )
    if isinstance(claim, int) and isinstance(intent, int) and intent > claim:
        origin = origins.get("worker.intent_size") or origins.get("worker.claim_size", "")
        message = f"worker.intent_size ({intent}) is more than worker.claim_size ({claim})"
        mistakes.append(Mistake(**at(origin), message=message))
    mistakes += _webhooks(values, origins)
    mistakes += _accounts(values, origins, lines)
    mistakes += _queues(values, origins, lines)
    if values.get("email.dkim"):
        from clarion.project.dkim import out_of_use

        mistakes += out_of_use(values, origins, lines)
    mistakes += lacking(values, origins, lines)
    sender, allowed = values.get("email.from"), values.get("email.from_domains")
    if isinstance(sender, str) and isinstance(allowed, tuple) and allowed:
        domain = parse_sender(sender)[1].rpartition("@")[2]
        if domain not in allowed and "*" not in allowed:
            message = f"the domain {domain} of email.from is not among email.from_domains"
            mistakes.append(Mistake(**at(origins["email.from"]), message=message, hint=f"add `{domain}` to them"))
    return mistakes
