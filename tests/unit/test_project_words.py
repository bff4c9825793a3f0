"""Words of a project: every mistake in templates and layouts is found, placed and answered with a suggestion."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.project import GOOD, build

from clarion.project.load import load_project
from clarion.project.mistake import Severity
from clarion.project.word_file import read_words
from clarion.project.words import TEMPLATE_KEYS

HTML = "templates/hello/email.html"
HEAD = "---\nsubject: Hello\n---\n"

#: A workflow that sends text messages.
SMS = {"workflows/later.yaml": "steps: [{channel: sms}]", "templates/later/sms.txt": "Hello {{ payload.name }}"}

#: A workflow that pushes.
PUSH = {
    "workflows/later.yaml": "steps: [{channel: push}]",
    "templates/later/push.txt": "---\ntitle: Hello\nttl: 2h\ndata: {orderId: '{{ payload.id }}'}\n---\nx",
}

Files = Mapping[str, str | bytes | None]


def _card(matter: str) -> Files:
    """A workflow that writes to chats, with *matter* before its words."""
    return {
        "workflows/later.yaml": "steps: [{channel: chat}]",
        "templates/later/chat.txt": f"---\n{matter}\n---\nx",
    }


@pytest.mark.parametrize(
    ("files", "said"),
    [
        # What is there and what is not
        ({HTML: None, "templates/hello/email.txt": None},
         "workflows/hello.yaml:2:5: the step `email` has no template `email`; write templates/hello/email.html, "
         "or expected `in_app`"),
        ({"workflows/hello.yaml": "steps: [{channel: email, template: emial}, {channel: in_app}]"},
         "workflows/hello.yaml:1:9: the step `email` has no template `emial`; write templates/hello/emial.html, "
         "or did you mean `email`?"),
        ({"workflows/hello.yml": "steps: []"},
         "workflows/hello.yml: it is not read as a workflow; rename it to hello.yaml"),
        ({"workflows/Hello World.yaml": GOOD["workflows/hello.yaml"]},
         "workflows/Hello World.yaml: `Hello World` cannot be a workflow's name; use up to 64 of a-z, 0-9, - and _"),
        ({HTML: "", "templates/hello/email.txt": GOOD["templates/hello/email.txt"]},
         f"{HTML}: there are no words in it; write some, or remove the file"),
        ({HTML: HEAD}, f"{HTML}: there are no words in it"),
        # Names
        ({"templates/hello/email.pt-br.html": HEAD + "x"},
         "templates/hello/email.pt-br.html: `pt-br` is not how this locale is written; rename it to email.pt-BR.html"),
        ({"templates/hello/email.pt_BR.txt": "x"}, "rename it to email.pt-BR.txt"),
        ({"templates/hello/email.german.html": HEAD + "x"}, "`german` in its name is not a locale"),
        ({"templates/hello/email.htm": HEAD + "x"}, "`email.htm` is no template; did you mean `email.html`?"),
        ({"templates/hello/email.md": HEAD + "x"}, "`email.md` is no template; templates end in .html, .mjml or .txt"),
        ({"templates/hello/E-Mail.html": HEAD + "x"}, "`E-Mail` cannot be a template's name"),
        # Bytes
        ({HTML: b"---\nsubject: x\n---\n\xff\xfe"}, f"{HTML}: it is not UTF-8: byte 0xff on line 4"),
        ({HTML: HEAD + "a\x00b"}, f"{HTML}: it holds a NUL character on line 4"),
        ({HTML: b"x" * 600_000}, f"{HTML}: it is larger than 512 KiB"),
        ({"workflows/hello.yaml": b"\xff"}, "workflows/hello.yaml: it is not UTF-8: byte 0xff on line 1"),
        # Front matter
        ({HTML: "<p>x</p>"}, f"{HTML}: it has no `subject`; begin the file with ---, `subject: …`, ---"),
        ({HTML: "---\nlayout: base\n---\nx"}, f"{HTML}: it has no `subject`"),
        ({"templates/hello/email.de.html": "x"}, "templates/hello/email.de.html: it has no `subject`"),
        ({"templates/hello/in_app.txt": "x"}, "templates/hello/in_app.txt: it has no `title`"),
        ({HTML: "---\nsubject: x\nno end"}, f"{HTML}:1:1: the front matter has no end; close it with a line of ---"),
        ({HTML: "---\nsubjekt: x\n---\nx"}, f"{HTML}:2:1: unknown key `subjekt`; did you mean `subject`?"),
        ({HTML: "---\nlayout: base\nsubject: {{ payload.x }}\n---\nx"},
         f'{HTML}:3:10: `subject` must be text, not a table; put it in quotes, for example "{{{{ payload.name }}}}"'),
        ({HTML: "---\nsubject: Booking: confirmed\n---\nx"},
         f"{HTML}:2:17: it is not YAML: mapping values are not allowed here; put the text in quotes"),
        ({HTML: "---\nsubject: 12345\n---\nx"}, f'{HTML}:2:10: `subject` must be text, not a whole number; '
                                                'put it in quotes: "12345"'),
        ({HTML: "---\nsubject: a\nsubject: b\n---\nx"}, f"{HTML}:3:1: `subject` is there twice: first on line 2"),
        ({HTML: '---\nsubject: "a\\nBcc: x@y.example"\n---\nx'}, f"{HTML}:2:10: `subject`: it must be one line"),
        ({HTML: "---\nsubject: a\ntitle: b\n---\nx"}, f"{HTML}:3:8: `title` means nothing to the channel `email`"),
        ({HTML: "---\n- a\n---\nx"}, f"{HTML}:2:1: front matter must be a table of keys and values, not a list"),
        # Layouts
        ({HTML: "---\nsubject: a\nlayout: bsae\n---\nx"},
         f"{HTML}:3:9: there is no layout `bsae`; did you mean `base`?"),
        ({HTML: "---\nsubject: a\nlayout: ../base.html\n---\nx"}, "is not the name of a layout"),
        ({"layouts/base.html": None}, f"{HTML}:3:9: there is no layout `base`; write layouts/base.html"),
        ({"layouts/base.html": None, "layouts/base.txt": "{{ content }}"},
         f"{HTML}:3:9: the layout `base` has no .html file; write layouts/base.html"),
        ({"layouts/base.html": "---\nlayout: base\n---\n{{ content }}"},
         "layouts/base.html:2:9: the layout comes back to itself: `base` → `base`; end the chain"),
        ({"layouts/base.html": "---\nlayout: outer\n---\n{{ content }}",
          "layouts/outer.html": "---\nlayout: base\n---\n{{ content }}"},
         "layouts/outer.html:2:9: the layout comes back to itself: `outer` → `base` → `outer`"),
        ({"layouts/base.html": "---\nsubject: x\n---\n{{ content }}"}, "layouts/base.html:2:1: unknown key `subject`"),
        # Channels and locales
        ({"templates/hello/in_app.html": "---\ntitle: x\n---\nx"},
         "templates/hello/in_app.html: a feed item is plain text; write it as a .txt file"),
        ({**PUSH, "templates/later/push.txt": None}, "write templates/later/push.txt"),
        ({**PUSH, "templates/later/push.txt": "x"}, "push.txt: it has no `title`; begin the file with ---"),
        ({**PUSH, "templates/later/push.txt": "---\ntitle: x\nsubject: y\n---\nx"},
         "templates/later/push.txt:3:10: `subject` means nothing to the channel `push`"),
        ({**PUSH, "templates/later/push.txt": "---\ntitle: x\nttl: soon\n---\nx"},
         "templates/later/push.txt:3:6: `ttl`: 'soon' is not a length of time"),
        ({**PUSH, "templates/later/push.txt": "---\ntitle: x\ndata: [a]\n---\nx"},
         "templates/later/push.txt:3:7: `data` must be a table of names and texts, not a list"),
        ({**PUSH, "templates/later/push.txt": "---\ntitle: x\ndata: {n: 7}\n---\nx"},
         'templates/later/push.txt:3:11: `n` must be text, not a whole number; put it in quotes: "7"'),
        ({**PUSH, "templates/later/push.txt": "---\ntitle: x\ndata: {from: me}\n---\nx"},
         "templates/later/push.txt:3:8: `from` cannot be a name in `data`"),
        ({**PUSH, "templates/later/push.txt": "---\ntitle: x\ndata: {a: '{{ payload.'}\n---\nx"},
         "templates/later/push.txt:3:11: data.a: "),
        ({**PUSH, "templates/later/push.txt": "---\ntitle: x\ndata: {a: '{{ nobody }}'}\n---\nx"},
         "templates/later/push.txt:3:11: there is no variable `nobody`"),
        ({HTML: "---\nsubject: x\ndata: {a: b}\n---\nx"}, "3:7: `data` means nothing to the channel `email`"),
        # Cards of chat messages
        (_card("fields: [a]"), "chat.txt:2:9: `fields` must be a table of labels and texts, not a list; for example"),
        (_card("fields: {}"), "chat.txt:2:9: `fields` is empty; leave it out, or name one"),
        (_card("fields: {Room: 12}"),
         'chat.txt:2:16: `Room` must be text, not a whole number; put it in quotes: "12"'),
        (_card("fields: {Room: a, Room: b}"), "chat.txt:2:19: `Room` is there twice: first on line 2"),
        (_card('fields: {"": a}'), "chat.txt:2:10: a field without a label; for example fields:"),
        (_card("fields:\n  {{ payload.x }}: a"), "chat.txt:3:3: a label in `fields` must be text, not a table; put"),
        (_card("fields:\n" + "".join(f"  f{number}: x\n" for number in range(11))),
         "chat.txt:13:3: `fields` has 11 entries, where 10 are allowed; put the rest into the text"),
        (_card(f"fields: {{{'x' * 257}: a}}"), "has 257 characters, where 256 are allowed; shorten it"),
        (_card(f"fields: {{Room: {'x' * 1_025}}}"),
         "chat.txt:2:16: `Room`: the value of the field `Room` has 1,025 characters, where 1,024 are allowed"),
        (_card("fields: {Room: '{{ payload.'}"), "chat.txt:2:16: fields.1.value: "),
        (_card("fields: {Room: '{{ paylod.x }}'}"),
         "chat.txt:2:16: there is no variable `paylod`; did you mean `payload`?"),
        (_card("buttons:\n  - text: Open\n    url: 'https://x.example/{{ payload.x | nope }}'"),
         "chat.txt:4:10: there is no filter `nope`"),
        (_card("title: '{% if payload.x %}'"), "chat.txt:2:8: title: expected tag endif"),
        (_card("buttons: {text: Open, url: https://x.example}"),
         "chat.txt:2:10: `buttons` must be a list of tables with `text` and `url`, not a table; for example buttons:"),
        (_card("buttons: [Open]"), "chat.txt:2:11: button 1 in `buttons` must be a table of keys and values, not text"),
        (_card("buttons: [{text: Open, link: https://x.example}]"), "chat.txt:2:24: unknown key `link`"),
        (_card("buttons: [{text: Open}]"), "chat.txt:2:11: button 1 has no `url`; for example buttons:"),
        (_card("buttons: [{text: Mail, url: 'mailto:a@x.example'}]"),
         "chat.txt:2:29: `url`: it is not an address that begins with https:// or http://"),
        (_card(f"buttons: [{{text: {'x' * 76}, url: https://x.example}}]"),
         "chat.txt:2:18: `text`: the text of button 1 has 76 characters, where 75 are allowed; shorten it"),
        (_card("buttons: [" + "{text: a, url: https://x.example}, " * 6 + "]"),
         "`buttons` has 6 entries, where 5 are allowed; put the rest into the text"),
        ({HTML: "---\nsubject: x\nfields: {a: b}\n---\nx"}, "3:9: `fields` means nothing to the channel `email`"),
        ({**PUSH, "templates/later/push.txt": "---\ntitle: x\nbuttons: [{text: a, url: 'https://x.example'}]\n---\nx"},
         "push.txt:3:10: `buttons` means nothing to the channel `push`"),
        ({**SMS, "templates/later/sms.txt": None},
         "workflows/later.yaml:1:9: the step `sms` has no template `sms`; write templates/later/sms.txt"),
        ({**SMS, "templates/later/sms.html": "<b>x</b>"},
         "templates/later/sms.html: a text message is plain text; write it as a .txt file"),
        ({**SMS, "templates/later/sms.txt": "---\ntitle: x\n---\nx"},
         "templates/later/sms.txt:2:8: `title` means nothing to the channel `sms`"),
        ({**SMS, "templates/later/sms.txt": "---\nlayout: base\n---\nx", "layouts/base.txt": "{{ content }}"},
         "templates/later/sms.txt:2:9: `layout` means nothing to the channel `sms`"),
        ({HTML: None, "templates/hello/email.txt": None, "templates/hello/email.de.html": HEAD + "x"},
         "templates/hello/email.de.html: there are no words for locales without a file of their own (nor for `en`); "
         "write templates/hello/email.html"),
        # Templates: what the engine finds, with the line of the file
        ({HTML: HEAD + "one\n{% if payload.x %}two\n"}, "expected tag endif"),
        ({HTML: HEAD + "one\n{{ payload.x | upcsae }}\n"},
         f"{HTML}:5: there is no filter `upcsae`; did you mean `upcase`?"),
        ({HTML: HEAD + "{{ recipient.nme }}"}, f"{HTML}:4: there is no variable `recipient.nme`; did you mean"),
        ({"layouts/base.html": "a\n{{ content | nope }}"}, "layouts/base.html:2: there is no filter `nope`"),
    ],
)  # fmt: skip
def test_says_what_is_wrong(tmp_path: Path, files: Files, said: str) -> None:
    project, mistakes = load_project(build(tmp_path, files))
    assert project is None
    lines = [str(mistake) for mistake in mistakes if mistake.severity is Severity.ERROR]
    assert any(line.startswith(said) or said in line for line in lines), lines
    assert len(lines) == (2 if "layouts/outer.html" in files else 1), lines


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"templates/hello/push.txt": "x"},
         "templates/hello/push.txt: warning: no step of `hello` uses this template; expected one of `email`, `in_app`"),
        ({"templates/helo/email.html": HEAD + "x"},
         "templates/helo: warning: there is no workflow `helo`; did you mean `hello`?"),
        ({"layouts/old.html": "x"}, "layouts/old.html: warning: no template uses this layout"),
        ({"templates/README.md": "x"},
         "templates/README.md: warning: it is not read: only files right in templates/<workflow>/ are"),
        ({"templates/hello/deep/email.html": "x"}, "templates/hello/deep/email.html: warning: it is not read"),
        ({"workflows/notes.txt": "x"}, "workflows/notes.txt: warning: it is not read as a workflow"),
        ({"templates/hello/email.txt": "---\nlayout: base\n---\nHello"},
         "templates/hello/email.txt:2:9: warning: the layout `base` has no .txt file; write layouts/base.txt"),
    ],
)  # fmt: skip
def test_warns_and_goes_on(tmp_path: Path, files: Files, said: str) -> None:
    project, mistakes = load_project(build(tmp_path, files))
    assert project is not None, mistakes
    assert [mistake.severity for mistake in mistakes] == [Severity.WARNING]
    assert str(mistakes[0]).startswith(said)


def test_a_text_message_is_a_file_of_text_in_any_locale(tmp_path: Path) -> None:
    project, mistakes = load_project(build(tmp_path, {**SMS, "templates/later/sms.pt-BR.txt": "Oi"}))
    assert mistakes == []
    assert project is not None
    (draft,) = (one for one in project.workflows if one.workflow.key == "later")
    assert [part.file for part in draft.bundle.templates["sms"].parts] == [
        "templates/later/sms.pt-BR.txt",
        "templates/later/sms.txt",
    ]


def test_leftovers_of_editors_are_no_mistakes(tmp_path: Path) -> None:
    names = [".DS_Store", "email.html~", "#email.html#", ".email.html.swp", "email.html.orig"]
    files: Files = {f"templates/hello/{name}": "x" for name in names}
    assert load_project(build(tmp_path, files))[1] == []


def test_links_are_followed_only_within_the_folder(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.html").write_text(HEAD + "x")
    folder = build(tmp_path / "project", {})
    (folder / "templates/hello/email.de.html").symlink_to(folder / HTML)
    assert load_project(folder)[1] == []
    (folder / "templates/hello/email.fr.html").symlink_to(outside / "secret.html")
    (folder / "templates/more").symlink_to(outside)
    (folder / "layouts/gone.html").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "layouts/pipe.html")
    project, mistakes = load_project(folder)
    assert project is None
    assert [str(mistake) for mistake in mistakes] == [
        "layouts/gone.html: this is not an ordinary file",
        "layouts/pipe.html: this is not an ordinary file",
        "templates/hello/email.fr.html: this is a link to a file outside the project folder, which is not followed",
        "templates/more: warning: it is not read: only files right in templates/<workflow>/ are",
    ]


def test_a_whole_room_outside_the_folder(tmp_path: Path) -> None:
    build(tmp_path / "other", {})
    folder = build(tmp_path / "project", dict.fromkeys(GOOD))
    folder.mkdir(exist_ok=True)
    (folder / "workflows").symlink_to(tmp_path / "other/workflows")
    project, mistakes = load_project(folder)
    assert project is None
    assert "link" in str(mistakes[0])


def test_all_mistakes_of_all_files_in_order(tmp_path: Path) -> None:
    files: Files = {
        "clarion.toml": "prot = 1\n",
        "workflows/hello.yaml": "prio: 1\n" + GOOD["workflows/hello.yaml"],
        "workflows/later.yaml": "steps: [{channel: fax}]",
        HTML: "---\nsubjct: a\nlayout: nope\n---\n{{ x | y }}\n{% endif %}",
        "templates/hello/in_app.txt": "no title {{ 1 | nope }}",
        "layouts/base.html": "x",
    }
    project, mistakes = load_project(build(tmp_path, files))
    assert project is None
    assert [f"{mistake.file}:{mistake.line or 0}" for mistake in mistakes if mistake.severity is Severity.ERROR] == [
        "clarion.toml:1",
        f"{HTML}:2",
        f"{HTML}:3",
        f"{HTML}:6",
        "templates/hello/in_app.txt:0",
        "templates/hello/in_app.txt:1",
        "workflows/hello.yaml:1",
        "workflows/later.yaml:1",
    ]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    project, (mistake,) = load_project(tmp_path / "nope")
    assert project is None
    assert mistake.message == "there is no such folder"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=120), st.sampled_from(["", "---\n", "---\nsubject: "]))
def test_whatever_the_text_it_can_be_read(text: str, before: str) -> None:
    content = (before + text).replace("\r", "")
    word, mistakes = read_words(content, HTML, TEMPLATE_KEYS)
    assert word is not None
    assert word.part.text in content
    lines = content.split("\n")
    if not mistakes:
        assert word.part.text.split("\n")[0] == lines[word.part.first_line - 1]
