"""A process that keeps thousands of connections is not held to the few that a shell allows."""

from __future__ import annotations

import resource
import subprocess
import sys

_SCRIPT = """
import resource
from clarion.cli.process import open_many_files
resource.setrlimit(resource.RLIMIT_NOFILE, (64, {most}))
open_many_files()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def test_the_hard_limit_is_what_holds() -> None:
    most = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 4_096)
    script = _SCRIPT.format(most=most)
    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout
    assert said.split() == [str(most)] * 2
