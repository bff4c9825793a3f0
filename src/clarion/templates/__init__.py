"""Data in, content out: Liquid templates with limits, layouts, languages and text twins."""

from clarion.templates.compiled import CompiledBundle, compile_bundle, variables
from clarion.templates.errors import RenderError, TemplateFault
from clarion.templates.html_text import to_text
from clarion.templates.limits import Limits
from clarion.templates.prepared import Prepared
from clarion.templates.source import Bundle, Part, TemplateSource

__all__ = [
    "Bundle",
    "CompiledBundle",
    "Limits",
    "Part",
    "Prepared",
    "RenderError",
    "TemplateFault",
    "TemplateSource",
    "compile_bundle",
    "to_text",
    "variables",
]
