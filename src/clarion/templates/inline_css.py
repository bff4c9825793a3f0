"""CSS, moved into the elements that it is for when a template is published: many mail programs heed no other.

Rules with conditions (`@media`) and all else that begins with an @ stay in their style; nothing is fetched.
"""

from __future__ import annotations

from clarion.templates.errors import TemplateFault, fault
from clarion.templates.marks import Lines, mark
from clarion.templates.mjml import Compiled, lost


def inline_css(lines: Lines) -> Compiled | list[TemplateFault]:
    """*lines*, HTML with Liquid in it, with its styles inlined; or what is wrong with it."""
    import css_inline  # only where it is asked for

    marked = mark(lines)
    inliner = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True, keep_link_tags=True)
    try:
        html = inliner.inline(marked.text)
    except ValueError as error:
        return [fault(lines.place(0).file, None, f"its styles cannot be inlined: {error}", "template_syntax")]
    restored = marked.restored(html)
    return lost(restored) or Compiled(restored.text, restored.places)
