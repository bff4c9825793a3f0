"""The files of a binding's triggers, as they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clarion.domain.attachment import Reference
from clarion.domain.attachment_json import CHECKS
from clarion.domain.binding_value import Evaluate, Parts
from clarion.domain.suggest import did_you_mean
from clarion.errors import Invalid


def read_files(written: Any, at: str, parts: Parts) -> Evaluate:
    """Files that go with mails: a list of tables of texts, or an expression that comes to such a list."""
    if isinstance(written, str):
        return parts.value(written, at)
    if not isinstance(written, list | tuple) or not all(isinstance(one, Mapping) for one in written):
        parts.wrong(
            at, "must be a list of tables such as {url: …, name: …}, or an expression that comes to one", "type"
        )
        return lambda sight: ()
    files = []
    for index, one in enumerate(written):
        for name in one:
            if name not in Reference._fields:
                detail = f"unknown key `{str(name)[:60]}`; {did_you_mean(str(name), Reference._fields)}"
                parts.wrong(f"{at}/{index}/{name}", detail)
        if (one.get("id") is None) == (one.get("url") is None):
            parts.wrong(f"{at}/{index}", "give either `id` or `url`", "missing")
        for name, check in CHECKS.items():
            text = one.get(name)
            if isinstance(text, str) and "{" not in text:
                try:
                    check(text)
                except Invalid as error:
                    parts.wrong(f"{at}/{index}/{name}", error.message, error.code)
        texts = {str(name): parts.text(text, f"{at}/{index}/{name}") for name, text in one.items() if text is not None}
        files.append(texts)
    return lambda sight: [{name: text(sight) for name, text in texts.items()} for texts in files]
