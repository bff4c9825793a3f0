"""Manifests in the pages: units of systemd and objects of Kubernetes name commands and settings that there are."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import typer.main
import yaml
from tests.support.docs import PAGES, ROOT, blocks, page

from clarion.cli.main import app
from clarion.config import Settings
from clarion.domain.duration import parse_duration

_SETTINGS = set(re.findall(r"`(CLARION_[A-Z0-9_]+)`", page("reference/settings.md")))
#: What objects of these kinds look like, as far as they stand in the pages (apps/v1 and batch/v1).
_APIS = {"Deployment": "apps/v1", "Job": "batch/v1"}
_POD = {"containers", "initContainers", "volumes", "enableServiceLinks", "terminationGracePeriodSeconds"}
_CONTAINER = {"name", "image", "command", "args", "env", "volumeMounts", "readinessProbe", "livenessProbe", "ports"}


def _objects() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in PAGES:
        for block in blocks(path.read_text(encoding="utf-8"), "yaml"):
            if re.search(r"^apiVersion:", block, re.MULTILINE):
                for found in yaml.safe_load_all(block):
                    yield str(path.relative_to(ROOT)), found


def _units() -> Iterator[tuple[str, configparser.ConfigParser]]:
    for path in PAGES:
        for block in blocks(path.read_text(encoding="utf-8"), "ini"):
            unit = configparser.ConfigParser(interpolation=None)
            unit.optionxform = str  # type: ignore[assignment,method-assign] # they are told apart
            unit.read_string(block)
            if unit.has_section("Service"):
                yield str(path.relative_to(ROOT)), unit


OBJECTS, UNITS = list(_objects()), list(_units())


@pytest.mark.parametrize(("where", "found"), OBJECTS, ids=[where for where, _ in OBJECTS])
def test_an_object_of_kubernetes_is_one_that_runs(where: str, found: dict[str, Any]) -> None:
    assert found["apiVersion"] == _APIS[found["kind"]]
    spec = found["spec"]
    if found["kind"] == "Deployment":
        labels = spec["template"]["metadata"]["labels"]
        assert spec["selector"]["matchLabels"].items() <= labels.items(), "it would find none of its pods"
    pod = spec["template"]["spec"]
    assert set(pod) <= _POD, set(pod) - _POD
    volumes = {volume["name"] for volume in pod.get("volumes", ())}
    for container in [*pod["containers"], *pod.get("initContainers", ())]:
        assert set(container) <= _CONTAINER, set(container) - _CONTAINER
        _check_command([*container["command"], *container.get("args", ())])
        mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", ())}
        assert set(mounts) <= volumes
        for variable in container.get("env", ()):
            name = variable["name"]
            assert name.removesuffix("_FILE") in _SETTINGS, f"there is no setting {name}"
            if name.endswith("_FILE"):
                assert any(variable["value"].startswith(f"{path}/") for path in mounts.values()), variable
            assert isinstance(variable.get("value", ""), str), "Kubernetes takes nothing but text"
        if "worker" in container["command"]:
            assert timedelta(seconds=pod["terminationGracePeriodSeconds"]) > Settings().worker.drain_timeout
    assert pod["enableServiceLinks"] is False, "a Service called clarion would put CLARION_PORT=tcp://… into it"


@pytest.mark.parametrize(("where", "unit"), UNITS, ids=[where for where, _ in UNITS])
def test_a_unit_of_systemd_starts_what_there_is_and_lets_it_end(where: str, unit: configparser.ConfigParser) -> None:
    service = unit["Service"]
    _check_command(shlex.split(service["ExecStart"]))
    assert service["KillSignal"] == "SIGTERM"
    assert parse_duration(f"{service['TimeoutStopSec']}s") > Settings().worker.drain_timeout


def test_there_are_some() -> None:
    assert OBJECTS and UNITS


def _check_command(words: list[str]) -> None:
    """That *words* begin with ``clarion`` and one of its commands, with options that it has."""
    program, *rest = words
    assert program.rpartition("/")[2] == "clarion", program
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command, rest = command.commands[rest[0]], rest[1:]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= known, words
