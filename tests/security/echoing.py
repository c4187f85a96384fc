"""A Braze and a schema registry that say back, in every failure there is, what they were sent."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Self, TypeAlias

from tests.support.registry import SmallRegistry

Answer: TypeAlias = Callable[[bytes, bytes], bytes | None]


def _whole(status: str, content: bytes, more: bytes = b"") -> bytes:
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {len(content)}\r\n"
    return head.encode() + more + b"\r\n" + content


def echo(status: str, more: bytes = b"") -> Answer:
    """Answer with this status and the request, as a message, an error and a text around it."""

    def answer(_head: bytes, body: bytes) -> bytes:
        told = json.dumps({"message": body.decode(), "errors": [body.decode()]}).encode()
        return _whole(status, told, more)

    return answer


def _rate_limited(head: bytes, body: bytes) -> bytes | None:
    return echo("429 Too Many", b"X-RateLimit-Reset: %d\r\n" % (time.time() + 1))(head, body)


def _in_the_head(_head: bytes, body: bytes) -> bytes:
    line = body.replace(b"\n", b" ")
    return _whole("500 " + line.decode()[:2_000], b"", b"X-Echo: " + line[:2_000] + b"\r\n")


def _redirect(_head: bytes, body: bytes) -> bytes:
    key = json.loads(body)["partner_api_key"]
    there = json.dumps(key).strip('"').replace(" ", "")
    return _whole(
        "307 Go", b"", f"Location: https://x:{there}@{there}.test/?k={there}\r\n".encode()
    )


# What goes wrong, and passes by itself at the next attempt.
PASSING: dict[str, Answer] = {
    "500": echo("500 Internal Server Error"),
    "408": echo("408 Request Timeout"),
    "423": echo("423 Locked"),
    "429": _rate_limited,
    "599": echo("599 Odd"),
    "600": echo("600 Odder"),
    "in the head": _in_the_head,
    "cut off": lambda head, body: echo("500 No")(head, body)[:-5],  # type: ignore[index]
    "gzip": echo("200 OK", b"Content-Encoding: gzip\r\n"),
    "no JSON": lambda _head, body: _whole("200 OK", b"<html>" + body),
    "no HTTP": lambda head, body: body + head,
    "flood": lambda _head, body: _whole("500 No", body * 200),
    "reset": lambda _head, _body: None,
}
ACCEPTING: dict[str, Answer] = {
    "errors": echo("201 Created"),
    "queued": echo("202 Accepted"),
}
# What holds until somebody has put it right.
HOLDING: dict[str, tuple[Answer, str]] = {
    "401": (echo("401 Unauthorized"), "partner_key"),
    "403": (echo("403 Forbidden"), "forbidden"),
    "404": (echo("404 Not Found"), ""),  # Perhaps of one cohort only: it is announced again.
    "redirect": (_redirect, "not_found"),
}


class EchoingBraze:
    """Accepts every request but those for which another answer was put in line."""

    def __init__(self) -> None:
        self.next: deque[Answer] = deque()
        self.accepted: set[str] = set()
        braze = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                braze.serve(self)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def serve(self, peer: socketserver.StreamRequestHandler) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = peer.rfile.readline()
            if not line:
                return
            head += line
        body = peer.rfile.read(int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]))
        said: dict[str, Any] = json.loads(body)
        # A cohort is announced before its members come: that one is let through.
        if self.next and "cohort_changes" in said:
            answer = self.next.popleft()(head, body)
            if answer is None:
                peer.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                return
            peer.wfile.write(answer)
            if b" 20" not in answer[:13] or b"gzip" in answer or b"<html>" in answer:
                return
        else:
            peer.wfile.write(_whole("201 Created", b'{"message":"success"}'))
        for change in said.get("cohort_changes", ()):
            self.accepted.update(change.get("user_ids", ()))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class EchoingRegistry(SmallRegistry):
    """Refuses everybody, in turn as a stranger and as ill, with what it was sent."""

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        self.asked.append(path)
        status = (500, 401, 200, 503)[len(self.asked) % 4]
        return status, json.dumps({"schema": str(headers), "schemaType": str(headers)}).encode()
