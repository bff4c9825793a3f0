"""The mail catcher: takes every mail that Clarion sends on a developer's machine, and shows it."""

from clarion.dev.catcher.server import Catcher, serve

__all__ = ["Catcher", "serve"]
