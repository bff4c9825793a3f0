"""What a worker does not load before it needs it: each process would carry it, and nothing says so but its size."""

from __future__ import annotations

import subprocess
import sys


def test_a_worker_that_speaks_no_http_loads_no_client_for_it() -> None:
    code = "import sys, clarion.cli.worker, clarion.app, clarion.handlers, clarion.channels.email.smtp\n"
    code += "print([name for name in ('aiohttp', 'dns', 'h2', 'mrml') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
