"""``python -m clarion``: the same as the command ``clarion``."""

from clarion.cli import main

main()
