"""``python -m clarion``: the same as the command ``clarion``."""

from clarion.cli.main import run

run()
