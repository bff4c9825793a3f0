"""A name server for tests, on loopback: it knows a few records, and nothing else in the world."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


class DnsServer(asyncio.DatagramProtocol):
    """Answers from *records*: by name, what each kind has, as a zone file writes it; nothing where it is `SILENT`."""

    def __init__(self, records: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        self.records = records
        self.port = 0
        #: How often was asked for each name and kind.
        self.asked: Counter[tuple[str, str]] = Counter()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, address: Any) -> None:
        question = dns.message.from_wire(data)
        name, kind = question.question[0].name, dns.rdatatype.to_text(question.question[0].rdtype)
        text = name.to_text(omit_final_dot=True).lower()
        self.asked[text, kind] += 1
        known = self.records.get(text)
        if known is not None and "SILENT" in known:
            return
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.AA | dns.flags.RA
        if known is None:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif kind in known:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *known[kind]))
        self._transport.sendto(answer.to_wire(), address)


@asynccontextmanager
async def dns_server(records: Mapping[str, Mapping[str, Sequence[str]]]) -> AsyncIterator[DnsServer]:
    """One that runs as long as the block."""
    server = DnsServer(records)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )
    try:
        yield server
    finally:
        transport.close()
