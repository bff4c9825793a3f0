"""Push messages through Firebase's own library: one after the other, or lists of ``--concurrency`` by `send_each`.

``--url`` is the provider's; the key of the account is read from the file that ``--key`` names.
"""

from __future__ import annotations

import argparse
import time

import firebase_admin
from firebase_admin import credentials, messaging

from bench.mail import short
from bench.peers.figures import tell


def main(given: argparse.Namespace) -> None:
    """Send, tell."""
    # It knows one address; its access comes from where its key says.
    service = messaging._MessagingService
    service.FCM_URL = service.FCM_URL.replace("https://fcm.googleapis.com", given.url)
    app = firebase_admin.initialize_app(credentials.Certificate(given.key))
    messages = [
        messaging.Message(
            notification=messaging.Notification(title=short.TITLE, body=short.text(number)), token=short.token(number)
        )
        for number in range(given.jobs)
    ]
    messaging.send(messages[0], app=app)  # its access is got with the first
    began = time.perf_counter()
    if given.concurrency == 1:
        for message in messages:
            assert messaging.send(message, app=app)
    else:
        for at in range(0, len(messages), given.concurrency):
            answer = messaging.send_each(messages[at : at + given.concurrency], app=app)
            assert answer.failure_count == 0, answer.responses[0].exception
    seconds = time.perf_counter() - began
    firebase_admin.delete_app(app)
    tell(given.jobs, seconds)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, required=True)
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
