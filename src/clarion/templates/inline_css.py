"""CSS, moved into the elements that it is for when a template is published: many mail programs heed no other.

What no element can hold stays in its style: rules with conditions (`@media`, a style with `media`), all else that
begins with an @, and states such as `a:hover`. Nothing is fetched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from clarion.templates.errors import TemplateFault, fault
from clarion.templates.marks import Lines, Marked, mark
from clarion.templates.mjml import Compiled, lost

#: Styles that hold on some screens only: put into elements, they would hold on all.
_CONDITIONAL = re.compile(
    r"""<style(?=\s)(?=[^>]*\smedia\s*=\s*["']?\s*(?!(?:all|screen)\s*["'\s>])[^"'\s>])""", re.IGNORECASE
)
#: How the inliner is told to let a style be.
_LEFT = ' data-css-inline="ignore"'
_STYLE = re.compile(r"<style\b[^>]*>(.*?)</style\s*>", re.IGNORECASE | re.DOTALL)
_EMPTY = re.compile(r"<style[^>]*>\s*</style>\n?")


def inline_css(lines: Lines) -> Compiled | list[TemplateFault]:
    """*lines*, HTML with Liquid in it, with its styles inlined; or what is wrong with it."""
    import css_inline  # only where it is asked for

    marked = mark(lines)
    if faults := list(_branching(marked)):
        return faults
    inliner = css_inline.CSSInliner(
        load_remote_stylesheets=False,
        keep_at_rules=True,
        keep_link_tags=True,
        keep_style_tags=True,
        remove_inlined_selectors=True,
    )
    try:
        html = inliner.inline(_CONDITIONAL.sub(f"<style{_LEFT}", marked.text))
    except ValueError as error:
        return [fault(lines.place(0).file, None, f"its styles cannot be inlined: {error}", "template_syntax")]
    restored = marked.restored(_EMPTY.sub("", html.replace(_LEFT, "")))
    return lost(restored) or Compiled(restored.text, restored.places)


def _branching(marked: Marked) -> Iterator[TemplateFault]:
    """Tags of Liquid in a style that branch: which rules there are must be known before."""
    for style in _STYLE.finditer(marked.text):
        for _, _, number in marked.found(style[1]):
            tag = marked.tags[number]
            if not tag.prints:
                detail = f"`{tag.text[:60]}` cannot stand here: a style that is put into elements is always the same"
                yield fault(*tag.place, detail, "template_syntax")
