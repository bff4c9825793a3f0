"""The command line: one file a command, each importing what it needs only when it runs."""

from __future__ import annotations


def main() -> None:
    """Run the command that the arguments name."""
    from clarion.cli.main import run

    run()
