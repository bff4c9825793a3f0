"""What JetStream delivers, in our words."""

from __future__ import annotations

from nats.aio.msg import Msg

from clarion.brokers.base import Delivery
from clarion.brokers.identity import publishers_id

#: ``$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<…>.<stored at>.<…>``; newer servers put a domain and a hash of
#: the account before the stream.
_TOKENS = 9


def delivery_of(message: Msg) -> Delivery:
    """*message* as a delivery. Its token is the subject that acknowledges it.

    A message of JetStream's is known by its number in the stream and the nanosecond in which it was stored: numbers
    begin anew where a stream is deleted and made again. Where its publisher gave it an id, that comes first: it is the
    same even where it was published again after the server's window for duplicates.
    """
    tokens = message.reply.split(".")
    at = 2 if len(tokens) == _TOKENS else 4
    deliveries, sequence, stored = tokens[at + 2], tokens[at + 3], tokens[at + 5]
    headers = message.headers or {}
    content_type = ""
    if headers:
        content_type = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
        if content_type:
            headers = {**headers, "content-type": content_type}
    body = bytes(message.data)
    given = publishers_id(headers.get("Nats-Msg-Id"), headers=headers, content_type=content_type, body=body)
    return Delivery(
        id=given or f"seq:{sequence}-{stored}",
        body=body,
        subject=message.subject,
        headers=headers,
        redelivered=deliveries != "1",
        token=message.reply,
    )
