"""Options that every command has: wherever they stand, and what they leave."""

from __future__ import annotations

import pytest

from clarion.cli import notes
from clarion.cli.bar import Bar


@pytest.fixture(autouse=True)
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "")


@pytest.mark.parametrize(
    ("words", "left", "quiet"),
    [
        (["-q", "queues", "email"], ["queues", "email"], True),
        (["queues", "--quiet", "email"], ["queues", "email"], True),
        (["queues", "email", "--json"], ["queues", "email", "--json"], False),
        (["trigger", "x", "--", "-q"], ["trigger", "x", "--", "-q"], False),
    ],
)
def test_quiet(words: list[str], left: list[str], quiet: bool, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        assert notes.take_common(words) == left
        notes.note("There are none yet.")
        with Bar("mails") as bar:
            bar.at(1, 2)
        said = capsys.readouterr()
        assert said.out == ""
        assert said.err == ("" if quiet else "There are none yet.\nmails: 1 of 2\n")
    finally:
        notes.take_common([])


def test_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    from clarion.config import wants_colour

    assert wants_colour()
    assert notes.take_common(["doctor", "--no-color"]) == ["doctor"]
    assert not wants_colour()
