"""Pages lead where they say, name what exists, and hold nothing of the machine they were written on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from tests.support.docs import DOCS, PAGES, ROOT, SOURCE, blocks, page, repository_files, rows
from tests.support.project import build

from clarion.api.metrics import Metrics
from clarion.project.binding_file import read_binding
from clarion.project.load import load_project
from clarion.project.setting import every_setting
from clarion.worker.metrics import Meter

_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_ROOMS = "|".join(sorted(path.name for path in SOURCE.iterdir() if path.is_dir() and path.name.isidentifier()))
_FILE = re.compile(rf"`((?:src/clarion|tests|tools|docs|requirements|{_ROOMS})/[\w./-]*\w+\.(?:py|sql|md|json|sh))`")
_SYMBOL = re.compile(rf"`(?:src/clarion/)?((?:{_ROOMS})/[\w/]+\.(?:py|sql))`,? `(\w+)`")

#: They are dotted words as well.
_EVENTS = {cells[0] for cells in rows(page("reference/events-in-logs.md"))}

_NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]


@pytest.mark.parametrize("name", _NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    here = ROOT / name
    for link in _LINK.findall(_without_code(here.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        there = (here.parent / target).resolve() if target else here
        assert there.exists(), f"{name}: {link}"
        if anchor:
            assert anchor in _anchors(there.read_text()), f"{name}: {link}"


@pytest.mark.parametrize("name", _NAMES)
def test_every_file_and_symbol_that_is_named_is_there(name: str) -> None:
    text = (ROOT / name).read_text()
    for file in _FILE.findall(text):
        assert (ROOT / file).exists() or (SOURCE / file).exists(), f"{name}: {file}"
    for file, symbol in _SYMBOL.findall(text):
        assert re.search(rf"\b{symbol}\b", (SOURCE / file).read_text()), f"{name}: {symbol} in {file}"


@pytest.mark.parametrize("name", _NAMES)
def test_every_setting_and_metric_that_is_named_is_there(name: str) -> None:
    text = (ROOT / name).read_text()
    settings = list(every_setting())
    variables = {setting.env for setting in settings} | {f"{setting.env}_FILE" for setting in settings}
    groups = "|".join(sorted({setting.name.partition(".")[0] for setting in settings if "." in setting.name}))
    assert set(re.findall(r"\bCLARION_[A-Z_]*[A-Z]\b", text)) <= variables
    dotted = set(re.findall(rf"`((?:{groups})\.[a-z_]+)`", text)) - _EVENTS - {"email.html", "email.txt"}
    assert dotted <= {setting.name for setting in settings}
    named = set(re.findall(r"\b(clarion_(?:queue|http|build|jobs?|provider)_\w+)\b", text))
    assert named <= _metrics() | _of_workers()


def test_every_metric_is_on_its_page() -> None:
    known = {name for name in _metrics() | _of_workers() if not name.endswith("_created")}
    told = set(re.findall(r"^\| `(clarion_\w+)`", page("reference/metrics.md"), re.MULTILINE))
    assert {name.removesuffix("_total") for name in told} == {name.removesuffix("_total") for name in known}


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text()
    decisions = (DOCS / "decisions/README.md").read_text()
    for path in DOCS.rglob("*.md"):
        if path.name == "README.md":
            continue
        named, where = (
            (path.name, decisions) if path.parent.name == "decisions" else (str(path.relative_to(DOCS)), index)
        )
        assert f"({named})" in where, named


@pytest.mark.parametrize("path", sorted((DOCS / "decisions").glob("0*.md")), ids=lambda path: path.stem)
def test_a_decision_is_one_page_under_five_headings(path: Path) -> None:
    text = path.read_text()
    title, *headings = _HEADING.findall(text)
    assert headings == ["Context", "Decision", "Consequences", "Alternatives", "References to code"]
    assert f"[{title.partition(' ')[2]}]({path.name})" in (DOCS / "decisions/README.md").read_text()
    assert title.startswith(f"{int(path.stem[:4])}. ")
    assert len(text.split()) < 600
    assert _FILE.search(text.partition("## References to code")[2]) or "src/clarion/" in text


def test_the_make_targets_are_those_of_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    told = (ROOT / "CONTRIBUTING.md").read_text()
    assert set(re.findall(r"^\| `make ([a-z-]+)` \|", told, re.MULTILINE)) == targets - {"help"}


def test_the_readme_tells_of_every_room() -> None:
    told = (ROOT / "README.md").read_text()
    rooms = {f"`{path.name}/`" for path in SOURCE.iterdir() if path.is_dir() and path.name.isidentifier()}
    files = {f"`{path.name}`" for path in SOURCE.glob("*.py") if not path.name.startswith("__")}
    named = {word for line in told.splitlines() if line.startswith("| `") for word in re.findall(r"`[^`]+`", line)}
    assert rooms - {"`__pycache__/`"} <= named
    assert files <= named


def test_what_the_tutorial_has_people_write_is_right(tmp_path: Path) -> None:
    text = page("tutorial/first-notification.md")
    workflow, changed = blocks(text, "yaml")
    (mail,) = blocks(text, "html")
    feed = next(block for block in blocks(text, "") if block.startswith("---"))
    files = {
        "clarion.toml": blocks(text, "toml")[0],
        "workflows/order-shipped.yaml": workflow,
        "templates/order-shipped/email.html": mail,
        "templates/order-shipped/in_app.txt": feed,
    }
    project, mistakes = load_project(build(tmp_path / "first", files))
    assert (mistakes, project is None) == ([], False)
    files["workflows/order-shipped.yaml"] = changed
    project, mistakes = load_project(build(tmp_path / "then", files))
    assert mistakes == []
    assert project is not None
    (shipped,) = (draft.workflow for draft in project.workflows if draft.workflow.key == "order-shipped")
    assert shipped.steps[0].when is not None


def test_the_python_that_is_shown_compiles() -> None:
    shown = [(name, block) for name in _NAMES for block in blocks((ROOT / name).read_text(), "python")]
    assert shown
    for name, block in shown:
        compile(block, name, "exec")


def test_nothing_tells_of_the_machine_it_was_written_on() -> None:
    hosts = [
        ".".join(parts) for parts in (("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"))
    ]
    index = "|".join([*map(re.escape, hosts), r"(?:--|_)(?:extra-)?index-url[ =]+\S*:/", r"file:///"])
    machine = r"(?<![\w.~$}-])/(?:work|root|Users/\w+|home/\w+|opt/(?:wheels|pypi)[\w-]*)(?:/|$)"
    told = re.compile(f"{index}|{machine}", re.MULTILINE)
    found = []
    for path in repository_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # no text
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in told.finditer(text)]
    assert [line for line in found if not line.startswith("tests/unit/test_docs_pages.py")] == []


def _without_code(text: str) -> str:
    return re.sub(r"^```.*?^```$|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)


def _anchors(text: str) -> set[str]:
    """The anchors of all headings, as code hosts make them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.replace(" ", "-") for heading in plain}


def _of_workers() -> set[str]:
    shown = generate_latest(Meter().registry).decode()
    return set(re.findall(r"^# TYPE (\w+)", shown, re.MULTILINE))


def _metrics() -> set[str]:
    shown = bytes(Metrics().response([], [], []).body).decode()
    names = set(re.findall(r"^# TYPE (\w+)", shown, re.MULTILINE))
    return names | {name.removesuffix("_total") for name in names}


@pytest.mark.parametrize("name", ["connect-rabbitmq", "connect-nats"])
def test_the_bindings_on_pages_about_brokers_are_right(name: str) -> None:
    workflows = {"booking-confirmed", "order-received"}
    text = page(f"how-to/{name}.md")
    parts = blocks(text, "yaml")
    assert len(parts) >= 2
    listens, does = "on: timer.fired\n", "do:\n  - publish: {kind: nats, subject: a, body: data}\n"
    for part in parts:
        whole = ("" if "on:" in part else listens) + part + ("" if "do:" in part else does)
        assert read_binding(whole, "b.yaml", "b", workflows)[1] == [], part
