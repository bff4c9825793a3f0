"""Our signatures and our encryption, one after the other in one thread: `python -m bench.ours.sealing --what rsa`."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from bench.mail import secrets
from bench.peers.figures import tell
from clarion.channels.email.dkim import Signer
from clarion.channels.email.dkim_key import DkimKey, new_private_key
from clarion.channels.push.encryption import encrypt


def dkim(ed25519: bool) -> Callable[[int], bytes]:
    """Signs the booking mail."""
    key = DkimKey(domain=secrets.DOMAIN, selector=secrets.SELECTOR, key=new_private_key(ed25519_=ed25519)[0])
    signer, data, at = Signer({secrets.DOMAIN: [key]}), secrets.mail(), int(time.time())
    return lambda _: signer.sign(data, [key], at=at)


def webpush() -> Callable[[int], bytes]:
    """Encrypts a message, for one browser after the other."""
    browsers = secrets.browsers()

    def one(number: int) -> bytes:
        browser = browsers[number % len(browsers)]
        return encrypt(secrets.PUSH, browser.p256dh, browser.auth)

    return one


def measure(do: Callable[[int], object], jobs: int) -> None:
    """Do it so often, tell."""
    do(0)  # what is made once
    began = time.perf_counter()
    for number in range(jobs):
        do(number)
    tell(jobs, time.perf_counter() - began)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--what", choices=("rsa", "ed25519", "webpush"), required=True)
    parser.add_argument("--jobs", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    given = parse()
    measure(webpush() if given.what == "webpush" else dkim(given.what == "ed25519"), given.jobs)
