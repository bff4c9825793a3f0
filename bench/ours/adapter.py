"""One source alone: `python -m bench.ours.adapter --kind rabbitmq --url … --jobs …`.

Takes what waits and acknowledges it list by list, with nothing done in between: what the adapter itself costs. Prints
one line of JSON.
"""

from __future__ import annotations

import argparse
import time

import uvloop

from bench.ours.arriving import BROKERS
from bench.peers.figures import tell
from clarion.brokers.open_source import new_source


async def main(options: argparse.Namespace) -> None:
    """Open, drain, tell."""
    source = new_source(BROKERS[options.kind].spec, lambda *_: str(options.url), worker="bench")
    await source.open()
    taken = 0
    started = time.perf_counter()
    batches = source.batches()
    async for batch in batches:
        await source.ack(batch)
        taken += len(batch)
        if taken >= options.jobs:
            break
    seconds = time.perf_counter() - started
    await source.close()
    assert taken == options.jobs, f"{taken} of {options.jobs} taken"
    tell(options.jobs, seconds)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kind", choices=sorted(BROKERS), required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--jobs", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    uvloop.run(main(parse()))
