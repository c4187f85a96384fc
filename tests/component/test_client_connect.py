"""Connections that never come about: nothing was sent, and the deadline holds all the same."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from daemon.braze.client import BrazeClient, Endpoint
from daemon.core.verdict import Sent, Verdict
from tests.support.raw_servers import KEYS, OK, TIMEOUT_S, client_of, saying, send, serving


def test_a_refused_connection_is_unsent() -> None:
    async def scenario(port: int) -> None:
        async with client_of(port) as client:
            answer = await send(client)

            assert (answer.verdict, answer.sent) == (Verdict.RETRY, Sent.UNSENT)
            assert answer.reason == "connect"
            assert "127.0.0.1" in answer.detail

    with socket.socket() as held:  # Bound but not listening: nobody else gets the port.
        held.bind(("127.0.0.1", 0))
        asyncio.run(scenario(held.getsockname()[1]))


def test_a_connection_that_never_stands_ends_at_the_deadline_unsent() -> None:
    async def scenario(port: int) -> None:
        async with client_of(port) as client:
            began_s = time.monotonic()
            answer = await send(client)

            assert TIMEOUT_S <= time.monotonic() - began_s < 2.5
            assert (answer.verdict, answer.sent) == (Verdict.RETRY, Sent.UNSENT)
            assert answer.reason == "connect"

    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        crowd = [socket.socket() for _ in range(4)]  # The kernel drops whoever comes after them.
        for one in crowd:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        asyncio.run(scenario(full.getsockname()[1]))
        for one in crowd:
            one.close()


def test_a_name_that_does_not_resolve_is_unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def scenario() -> None:
        client = BrazeClient(Endpoint("http://braze.invalid", "acme"), lambda: KEYS)
        answer = await send(client)
        assert (answer.verdict, answer.sent) == (Verdict.RETRY, Sent.UNSENT)
        assert answer.reason == "connect"
        assert "braze.invalid" in answer.detail

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    asyncio.run(scenario())


def test_a_slow_resolver_holds_neither_the_attempt_nor_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def dawdle(*_: object, **__: object) -> None:
        answered.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    async def scenario() -> None:
        endpoint = Endpoint("http://braze.invalid", "acme", request_timeout_s=TIMEOUT_S)
        client = BrazeClient(endpoint, lambda: KEYS)
        ticks = 0
        task = asyncio.ensure_future(send(client))
        while not task.done():
            await asyncio.sleep(0)
            ticks += 1
        answered.set()

        assert (task.result().sent, task.result().reason) == (Sent.UNSENT, "connect")
        assert ticks > 100

    answered = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", dawdle)
    asyncio.run(scenario())


def test_a_name_is_resolved_anew_for_each_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        if not ports:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        stream = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*stream, ("127.0.0.1", ports[-1]))]

    async def scenario() -> None:
        endpoint = Endpoint("http://braze.test", "acme", request_timeout_s=10)
        client = BrazeClient(endpoint, lambda: KEYS)
        async with serving(saying(OK)) as old, serving(saying(OK)) as new:
            monkeypatch.setattr(socket, "getaddrinfo", resolve)

            unknown = await send(client)
            ports.append(old.port)
            first = await send(client)
            ports.append(new.port)
            async with asyncio.timeout(10):
                while new.connections == 0:  # The old server closes what was kept, soon.
                    second = await send(client)
            await client.aclose()

        assert (unknown.sent, unknown.reason) == (Sent.UNSENT, "connect")
        assert (first.reason, second.reason) == ("ok", "ok")

    ports: list[int] = []
    asyncio.run(scenario())


@pytest.mark.parametrize("first_is", ["refusing", "silent"])
def test_another_address_of_the_name_is_tried(
    first_is: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: object, **__: object) -> list[tuple[object, ...]]:
        stream = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        first = bad.getsockname()
        return [(*stream, first), (*stream, ("127.0.0.1", ports[0]))]

    async def scenario() -> None:
        async with serving(saying(OK)) as server:
            ports.append(server.port)
            endpoint = Endpoint("http://braze.test", "acme", request_timeout_s=1)
            client = BrazeClient(endpoint, lambda: KEYS)
            monkeypatch.setattr(socket, "getaddrinfo", resolve)

            answer = await send(client)
            await client.aclose()

            assert answer.reason == "ok"

    ports: list[int] = []
    crowd = [socket.socket() for _ in range(4)]
    with socket.socket() as bad:
        bad.bind(("127.0.0.1", 0))
        if first_is == "silent":
            bad.listen(0)
            for one in crowd:
                one.setblocking(False)
                one.connect_ex(bad.getsockname())
        asyncio.run(scenario())
    for one in crowd:
        one.close()
