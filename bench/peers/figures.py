"""What every peer is told and answers. Plain standard library: it runs in the peers' own environments."""

from __future__ import annotations

import argparse
import json
import resource
import sys


def options() -> argparse.Namespace:
    """``--jobs --url --concurrency``, the same for all."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    return parser.parse_args()


def tell(jobs: int, seconds: float, added: float | None = None) -> None:
    """Print the run's figures as one line of JSON; *added* is how long the adding took, in seconds, if it was ours."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rss_mb = peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
    figures = {"jobs": jobs, "seconds": seconds, "jobs_per_s": jobs / seconds, "rss_mb": rss_mb}
    print(json.dumps(figures if added is None else figures | {"added_per_s": jobs / added}))
