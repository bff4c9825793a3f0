"""The client of the command line against servers that behave as real ones sometimes do."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from clarion.cli.refused import Refused
from clarion.cli.remote import Remote
from clarion.errors import NotFound

#: What a server does with one connection, its number from 0 given.
Behaviour = Callable[[socket.socket, int], None]


@contextmanager
def server(behave: Behaviour) -> Iterator[str]:
    """A server that does with each connection what *behave* says; its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            number = 0
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    behave(connection, number)
                number += 1

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def hear(connection: socket.socket) -> str:
    """One request: its first line. "" when there is none."""
    return hear_all(connection).split("\r\n")[0]


def hear_all(connection: socket.socket) -> str:
    """One request: its first line and its headers."""
    said = b""
    while b"\r\n\r\n" not in said and (more := connection.recv(65536)):
        said += more
    return said.decode()


def answer(content: object, status: str = "200 OK", kind: str = "application/json") -> bytes:
    body = json.dumps(content).encode()
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def test_a_kept_connection_that_was_closed_is_opened_again() -> None:
    heard: list[str] = []
    keys: list[str] = []

    def one_answer_each(connection: socket.socket, _: int) -> None:
        line, *headers = hear_all(connection).split("\r\n")
        heard.append(line)
        keys.extend(one for one in headers if one.startswith("Idempotency-Key: "))
        connection.sendall(answer({"n": len(heard)}))  # and then it closes without a word

    with server(one_answer_each) as address:
        remote = Remote(address, "clk_x")
        assert [remote.get("topics", "x")["n"] for _ in range(3)] == [1, 2, 3]
        remote.get("topics", "x")
        remote.post("messages", "msg", "retry")  # it may have been done already: the API would know it again
        remote.get("topics", "x")
        remote.post("workflows", "x", "trigger", body={}, headers={"Idempotency-Key": "k"})
        remote.close()
    assert [line.split()[0] for line in heard] == ["GET"] * 4 + ["POST", "GET", "POST"]
    assert len(set(keys)) == 2 and keys[1] == "Idempotency-Key: k"


def test_pages_are_followed_to_the_limit() -> None:
    asked: list[str] = []

    def pages(connection: socket.socket, _: int) -> None:
        while line := hear(connection):
            asked.append(line.split()[1])
            first = len(asked) == 1
            items = [{"n": n} for n in (range(100) if first else range(100, 150))]
            connection.sendall(answer({"items": items, "next": "a b" if first else None}))

    with server(pages) as address:
        remote = Remote(address + "/behind/a/proxy/", "clk_x")
        assert [one["n"] for one in remote.pages("messages", limit=1_000, status="failed")] == list(range(150))
        remote.close()
    assert asked == [
        "/behind/a/proxy/v1/messages?status=failed&limit=100",
        "/behind/a/proxy/v1/messages?status=failed&after=a+b&limit=100",
    ]


def test_a_stream_that_is_cut_is_taken_up_again() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

    def chunk(text: str) -> bytes:
        return f"{len(text):x}\r\n{text}\r\n".encode()

    def cut_twice(connection: socket.socket, number: int) -> None:
        hear(connection)
        connection.sendall(head + chunk(f'retry: 1\nevent: progress\ndata: {{"n": {number}}}\n\n'))
        connection.sendall(chunk(": still here\n\nevent: progress\nda"))
        if number == 2:
            connection.sendall(chunk('ta: {"n": 9}\n\n') + chunk('event: end\ndata: {"n": 10}\n\n'))

    with server(cut_twice) as address:
        events = list(Remote(address, "clk_x").events("triggers", "t", "events"))
    assert [(name, data["n"]) for name, data in events] == [
        *(("progress", 0), ("progress", 1), ("progress", 2)),
        *(("progress", 9), ("end", 10)),
    ]


def test_what_is_no_problem_document_is_still_told() -> None:
    def a_proxy(connection: socket.socket, _: int) -> None:
        hear(connection)
        connection.sendall(answer("Bad gateway", "502 Bad Gateway", "text/html"))

    with server(a_proxy) as address:
        remote = Remote(address, "clk_x")
        with pytest.raises(Refused) as refused:
            remote.get("triggers")
        remote.close()
    assert refused.value.exit_code == 5
    assert refused.value.lines() == ["clarion: HTTP status 502 (502)", "  why: The API answered 502."]


@pytest.mark.parametrize(
    ("status", "code"), [(400, 1), (401, 4), (403, 4), (404, 3), (409, 1), (422, 1), (429, 5), (500, 5), (503, 5)]
)
def test_each_status_has_its_exit(status: int, code: int) -> None:
    assert Refused(status, {"detail": "x", "code": "x"}).exit_code == code


def test_names_cannot_climb_out_of_their_place() -> None:
    for name in ("..", ".", ""):
        with pytest.raises(NotFound):
            Remote("http://127.0.0.1:1", "clk_x").get("topics", name)

    def tell(connection: socket.socket, _: int) -> None:
        connection.sendall(answer(hear(connection)))

    with server(tell) as address:
        remote = Remote(address, "clk_x")
        said = remote.get("topics", "a/../b?x=1#y")
        remote.close()
    assert said == "GET /v1/topics/a%2F..%2Fb%3Fx%3D1%23y HTTP/1.1"
