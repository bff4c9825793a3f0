"""Templates, data, and what Handlebars itself makes of them: what the converter is measured by.

``python -m tests.support.handlebars_cases FOLDER`` writes `FILE` anew, where FOLDER has `node_modules` with
`handlebars` 4.7.10 in it (``npm install handlebars@4.7.10``). The templates are drawn at random, the same every time.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "unit" / "handlebars_cases.json"
COUNT = 400

_RENDER = """
const {readFileSync} = require('fs');
const Handlebars = require('handlebars');
const cases = JSON.parse(readFileSync(0, 'utf8'));
console.log(JSON.stringify(cases.map((one) => {
  const own = Handlebars.create();
  for (const [name, source] of Object.entries(one.partials || {})) own.registerPartial(name, source);
  return own.compile(one.template)(one.data);
})));
"""
#: No brace next to a tag: that is another tag to Handlebars. ``~`` brings them together.
_WORDS = (
    *("a", "Dear ", " ", "\n", "\n\n", "  ", "\n  ", ".\n", "<b>", "</b>\n", "{ ", " }", "{% ", " %}", "é", "\t"),
    "\r\n",
)
_SCALARS: tuple[Any, ...] = ("Ann", "", 0, 1, -7, 1.5, True, False, None, "<i>'\"&=`</i>", "{{ x }}", "0", " ", "false")
#: ``this`` that is null becomes JavaScript's global object, so no item of a list is.
_ITEMS = tuple(value for value in _SCALARS if value is not None)


class Draw:
    """One template and its data."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def case(self) -> dict[str, Any]:
        """The next case."""
        return {"template": self._nodes(["root"], 3), "data": self._data()}

    def _data(self) -> dict[str, Any]:
        choose = self._random.choice
        full: dict[str, Any] = {
            "name": choose(_SCALARS),
            "count": choose(_SCALARS),
            "odd name": choose(_SCALARS),
            "and": choose(_SCALARS),
            "list": self._maybe([choose(_ITEMS) for _ in range(self._random.randint(0, 3))]),
            "rows": self._maybe([self._row() for _ in range(self._random.randint(0, 3))]),
            "guest": self._maybe(self._guest()),
            "map": self._maybe({key: choose(_ITEMS) for key in ("k", "a b", "z")}),
        }
        return {key: value for key, value in full.items() if self._random.random() < 0.85}

    def _row(self) -> dict[str, Any]:
        choose = self._random.choice
        row = {"name": choose(_SCALARS), "list": [choose(_ITEMS) for _ in range(self._random.randint(0, 2))]}
        return row | ({"guest": self._guest()} if self._random.random() < 0.5 else {})

    def _guest(self) -> dict[str, Any]:
        return {"name": self._random.choice(_SCALARS), "city": {"name": self._random.choice(_SCALARS)}}

    def _maybe(self, value: Any) -> Any:
        return self._random.choice((value, value, value, value, None, False))

    def _nodes(self, kinds: Sequence[str], depth: int) -> str:
        return "".join(self._node(kinds, depth) for _ in range(self._random.randint(1, 5)))

    def _node(self, kinds: Sequence[str], depth: int) -> str:
        drawn = self._random.random()
        if drawn < 0.4:
            return self._random.choice(_WORDS)
        if drawn < 0.62 or depth == 0:
            return self._value(kinds)
        if drawn < 0.66:
            return self._tag("! never seen ")
        if drawn < 0.69:
            return "\\{{name}} " if drawn < 0.675 else "\\\\" + self._tag("name")
        return self._random.choice((self._if, self._if, self._each, self._each, self._with))(kinds, depth)

    def _tag(self, inner: str) -> str:
        left, right = (self._random.choice(("", "", "", "", "", "~")) for _ in range(2))
        return "{{" + left + inner + right + "}}"

    def _value(self, kinds: Sequence[str]) -> str:
        """A value. Text stands before a raw one, for Handlebars adds up two raw numbers that stand side by side."""
        path = self._scalar(kinds)
        form = self._random.random()
        if form < 0.15:
            return "|{{{" + path + "}}}"
        return "|" + self._tag("&" + path) if form < 0.25 else self._tag(path)

    def _scalar(self, kinds: Sequence[str]) -> str:
        """A path to something that shows as text, from where *kinds*, the contexts around, are."""
        up = self._random.randrange(len(kinds)) if self._random.random() < 0.3 else 0
        kind = kinds[-1 - up]
        before = "../" * up
        paths = {
            "root": ("name", "count", "[odd name]", "and", "guest.name", "guest.city.name", "nothing", "this.name"),
            "row": ("name", "this.name", "guest.name", "guest/city/name", "./name"),
            "guest": ("name", "city.name", "this.[name]", "nothing.at.all"),
            "city": ("name", "./name"),
            "item": ("this", "."),
            "entry": ("this", "."),
        }[kind]
        path = self._random.choice(paths)
        if up and path in ("this", "."):
            return before[:-1]
        if up:
            path = path.removeprefix("this.").removeprefix("./")
        loops = [k for k in kinds if k in ("row", "item", "entry")]
        if loops and not up and self._random.random() < 0.25:
            return "@index" if loops[-1] != "entry" else self._random.choice(("@key", "@index"))
        return "@root.name" if self._random.random() < 0.05 else before + path

    def _if(self, kinds: Sequence[str], depth: int) -> str:
        word = self._random.choice(("if", "if", "unless"))
        parts = [self._tag(f"#{word} {self._asked(kinds)}"), self._nodes(kinds, depth - 1)]
        while self._random.random() < 0.25:
            chained = self._random.choice(("if", "if", "unless"))
            parts += [self._tag(f"else {chained} {self._asked(kinds)}"), self._nodes(kinds, depth - 1)]
        if self._random.random() < 0.5:
            parts += [self._tag(self._random.choice(("else", "^"))), self._nodes(kinds, depth - 1)]
        return "".join([*parts, self._tag(f"/{word}")])

    def _asked(self, kinds: Sequence[str]) -> str:
        lists = {"root": ["list", "rows", "guest"], "row": ["list", "guest"], "guest": ["city"]}.get(kinds[-1], [])
        loops = [k for k in kinds if k in ("row", "item", "entry")]
        if loops and self._random.random() < 0.3:
            return self._random.choice(("@first", "@last", "@index"))
        return self._random.choice([*lists, self._scalar(kinds)]) + self._random.choice(
            ("", "", "", " includeZero=true")
        )

    def _each(self, kinds: Sequence[str], depth: int) -> str:
        over, kind = self._random.choice(
            {"root": [("list", "item"), ("rows", "row"), ("map", "entry")], "row": [("list", "item")]}.get(
                kinds[-1], [("@root.rows", "row")]
            )
        )
        body = self._nodes([*kinds, kind], depth - 1)
        names = ""
        if kind == "entry":
            names = " as |value key|"
            body += "{{key}}" + self._tag("value")
        elif self._random.random() < 0.3:
            names = f" as |one{depth} at{depth}|"
            body += "{{at" + str(depth) + "}}" + ("{{one" + str(depth) + "}}" if kind == "item" else "")
        parts = [self._tag(f"#each {over}{names}"), body]
        if self._random.random() < 0.4:
            parts += [self._tag("else"), self._nodes(kinds, depth - 1)]
        return "".join([*parts, self._tag("/each")])

    def _with(self, kinds: Sequence[str], depth: int) -> str:
        known = {"root": ("guest", "guest"), "row": ("guest", "guest"), "guest": ("city", "city")}
        over, kind = known.get(kinds[-1], ("@root.guest", "guest"))
        names = f" as |who{depth}|" if self._random.random() < 0.3 else ""
        body = self._nodes([*kinds, kind], depth - 1) + (f"{{{{who{depth}.name}}}}" if names else "")
        other = self._tag("else") + self._nodes(kinds, depth - 1) if self._random.random() < 0.4 else ""
        return self._tag(f"#with {over}{names}") + body + other + self._tag("/with")


def main(folder: Path) -> None:
    """Draw, render with Handlebars, and write."""
    cases = [Draw(seed).case() for seed in range(COUNT)]
    node = shutil.which("node", path=str(Path(sys.executable).parent)) or "node"
    told = subprocess.run(
        [node, "-e", _RENDER], input=json.dumps(cases), cwd=folder, capture_output=True, text=True, check=True
    )
    rendered = json.loads(told.stdout)
    lines = [
        json.dumps({**case, "rendered": text}, ensure_ascii=False) for case, text in zip(cases, rendered, strict=True)
    ]
    FILE.write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
