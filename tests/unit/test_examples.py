"""What the runner of the examples says of each, and how it exits."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import examples.__main__
import pytest
from examples import runner, servers
from examples.line import Line, differing
from examples.runner import Verdict, perform_all
from examples.stage import Stage
from tests.support.server import Missing

_GOOD = Line(put_in="2 jobs", came_out="2 mails", took_s=1.25)
_BAD = Line(put_in="2 jobs", came_out="1 mail", took_s=1.25, differences=["mails: 1, and not 2", "one is lost"])


async def _good(stage: Stage, small: bool) -> Line:
    return _GOOD


async def _bad(stage: Stage, small: bool) -> Line:
    return _BAD


async def _missing(stage: Stage, small: bool) -> Line:
    raise Missing("Redis is not there: install it")


async def _broken(stage: Stage, small: bool) -> Line:
    raise RuntimeError("the peer ended")


_RUNS = {"good": _good, "bad": _bad, "missing": _missing, "broken": _broken}


@pytest.fixture
def only_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "load", _RUNS.__getitem__)


async def test_each_has_a_line_whatever_became_of_the_others(only_ours: None, tmp_path: Path) -> None:
    told: list[str] = []
    verdicts = await perform_all(list(_RUNS), tmp_path, small=True, tell=told.append, keep=False)
    assert verdicts == [Verdict.OK, Verdict.FAILED, Verdict.SKIPPED, Verdict.FAILED]
    assert told == [
        "good     2 jobs → 2 mails, 1.2 s: ok",
        "bad      2 jobs → 1 mail, 1.2 s: FAILED\n    mails: 1, and not 2\n    one is lost",
        "missing  skipped: Redis is not there: install it",
        "broken   FAILED: RuntimeError: the peer ended",
    ]


@pytest.mark.parametrize(
    ("run", "ci", "code"),
    [
        ("good", "", 0),
        ("good", "true", 0),
        ("bad", "", 1),
        ("broken", "", 1),
        ("missing", "", 0),
        ("missing", "true", 1),
    ],
)
def test_its_exit_status(
    only_ours: None, monkeypatch: pytest.MonkeyPatch, run: str, ci: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    names: Callable[[], list[str]] = lambda: list(_RUNS)  # noqa: E731
    monkeypatch.setattr(examples.__main__, "names", names)
    monkeypatch.setattr(sys, "argv", ["examples", "--only", run])
    monkeypatch.setenv("CI", ci)
    assert examples.__main__.main() == code
    assert len(capsys.readouterr().out.splitlines()) == (3 if run == "bad" else 1)


def test_what_differs_is_named() -> None:
    assert differing(2, mails_caught=2, jobs_completed=3) == ["jobs completed: 3, and not 2"]


async def test_a_server_that_is_given_is_used_and_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CLARION_REDIS_URL", "redis://127.0.0.1:1/0")
    async with Stage(tmp_path) as stage:
        redis = await stage.redis()
        assert redis.url == "redis://127.0.0.1:1/0"
        assert stage.urls() == {"CLARION_REDIS_URL": "redis://127.0.0.1:1/0"}
        with pytest.raises(Missing, match="must not be killed"):
            await redis.kill()
    assert isinstance(redis, servers.Given)
