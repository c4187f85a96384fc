"""One slot's connection: when it is kept, replaced, and never trusted."""

from __future__ import annotations

import asyncio
import time

import pytest

from daemon.braze.client import BrazeClient, Endpoint
from daemon.braze.transport import SlotTransport
from daemon.braze.wire import Wire, WireBackend
from daemon.core.verdict import Sent, Verdict
from tests.support.raw_servers import (
    KEYS,
    OK,
    Reader,
    Server,
    Writer,
    body,
    client_of,
    hang,
    hang_unread,
    reset,
    saying,
    send,
    serving,
    whole_request,
)

REFUSAL = body(b"400 No", b"{}")


def _backend_of(client: BrazeClient) -> WireBackend:
    assert isinstance(client._transport, SlotTransport)
    return client._transport._backend


def _wire_of(client: BrazeClient) -> Wire:
    wire = _backend_of(client).wire
    assert wire is not None
    return wire


@pytest.mark.parametrize("by_reset", [False, True])
def test_a_kept_connection_that_the_peer_closed_is_replaced_unnoticed(*, by_reset: bool) -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        await saying(OK)(reader, writer)
        if by_reset:
            reset(writer)
        writer.close()
        await writer.wait_closed()
        gone.set()

    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port) as client:
            for _ in range(3):
                gone.clear()
                assert (await send(client)).reason == "ok"
                await gone.wait()

            assert server.connections == 3

    gone = asyncio.Event()
    asyncio.run(scenario())


@pytest.mark.parametrize("by_reset", [False, True])
def test_a_goodbye_that_the_loop_has_not_seen_yet_is_found_in_the_kernel(*, by_reset: bool) -> None:
    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port) as client:
            assert (await send(client)).reason == "ok"
            if by_reset:
                reset(writers[0])
            writers[0].transport.abort()
            writers[0].get_extra_info("socket")._sock.close()  # Now, not in the loop's next turn.
            assert not _wire_of(client).is_quiet()

            assert (await send(client)).reason == "ok"
            assert server.connections == 2

    async def behave(reader: Reader, writer: Writer) -> None:
        writers.append(writer)
        await saying(OK)(reader, writer)
        await saying(OK)(reader, writer)

    writers: list[Writer] = []
    asyncio.run(scenario())


def test_a_request_the_kernel_refuses_goes_out_again_on_a_fresh_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        await saying(OK)(reader, writer)
        if servers[0].connections == 1:
            reset(writer)
            gone.set()
            return
        await saying(OK)(reader, writer)

    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port) as client:
            servers.append(server)
            await send(client)
            await gone.wait()
            monkeypatch.setattr(Wire, "is_quiet", lambda _: True)  # Blind to what the kernel knows.

            answer = await send(client)

            assert (answer.verdict, answer.reason) == (Verdict.ACCEPTED, "ok")
            assert server.connections == 2

    servers: list[Server] = []
    gone = asyncio.Event()
    asyncio.run(scenario())


def test_a_request_that_left_on_a_dying_connection_is_ambiguous_and_not_repeated() -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        await saying(OK)(reader, writer)
        await reader.readexactly(1)
        reset(writer)

    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port) as client:
            await send(client)

            answer = await send(client)

            assert (answer.sent, answer.reason) == (Sent.AMBIGUOUS, "reset")
            assert server.connections == 1

    asyncio.run(scenario())


def test_a_second_answer_is_never_taken_for_the_next_requests_own() -> None:
    async def scenario(first: bytes) -> None:
        async def behave(reader: Reader, writer: Writer) -> None:
            await saying(first if server.connections == 1 else REFUSAL)(reader, writer)
            await reader.read()

        async with serving(behave) as server, client_of(server.port) as client:
            assert (await send(client)).reason == "ok"
            assert (await send(client)).reason == "refused"

    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    for first in (OK + OK, chunked + chunked, chunked + OK, OK + b"\r\n"):
        asyncio.run(scenario(first))


def test_bytes_nobody_asked_for_close_an_idle_connection() -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        if servers[0].connections > 1:
            await saying(REFUSAL)(reader, writer)
            return
        await saying(OK)(reader, writer)
        await idle.wait()
        writer.write(OK)
        await writer.drain()
        await reader.read()  # Ends when the client hangs up.
        hung_up.set()

    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port) as client:
            servers.append(server)
            assert (await send(client)).reason == "ok"
            idle.set()
            await hung_up.wait()

            assert (await send(client)).reason == "refused"

    servers: list[Server] = []
    idle, hung_up = asyncio.Event(), asyncio.Event()
    asyncio.run(scenario())


def test_a_request_goes_out_on_the_connection_that_was_made_ahead_of_it() -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        await saying(OK)(reader, writer)

    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port) as client:
            assert not client.connected
            for _ in range(2):  # The second finds it there.
                await client.connect()
                assert client.connected

            assert (await send(client)).reason == "ok"
            assert server.connections == 1

    asyncio.run(scenario())


def test_a_connection_made_ahead_that_the_peer_closed_is_replaced_unnoticed() -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        if server_of[0].connections > 1:
            await saying(OK)(reader, writer)
            return
        writer.close()
        await writer.wait_closed()
        gone.set()

    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port) as client:
            server_of.append(server)
            await client.connect()
            await gone.wait()
            assert not client.connected

            assert (await send(client)).reason == "ok"
            assert server.connections == 2

    server_of: list[Server] = []
    gone = asyncio.Event()
    asyncio.run(scenario())


def test_who_can_not_be_connected_ahead_is_left_to_the_request_to_tell() -> None:
    async def scenario() -> None:
        async with serving(hang) as server:
            port = server.port
        async with client_of(port) as client:
            await client.connect()

            assert not client.connected
            assert (await send(client)).sent is Sent.UNSENT

    asyncio.run(scenario())


def test_connecting_ahead_ends_by_the_deadline_of_an_attempt() -> None:
    async def scenario() -> None:
        async with serving(hang_unread) as server:
            endpoint = Endpoint(f"https://127.0.0.1:{server.port}", "acme", request_timeout_s=0.3)
            client = BrazeClient(endpoint, lambda: KEYS)
            async with asyncio.timeout(30):
                await client.connect()
            assert not client.connected
            assert _backend_of(client).wire is None

    asyncio.run(scenario())


def test_cancelling_against_the_rules_costs_the_connection_only() -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        while True:
            await saying(OK)(reader, writer)

    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port, timeout_s=10) as client:
            for turns in range(60):
                task = asyncio.ensure_future(send(client))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

            assert (await send(client)).reason == "ok"

    asyncio.run(scenario())


def test_a_closed_client_leaves_no_connection() -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        await saying(OK)(reader, writer)
        await reader.read()
        hung_up.set()

    async def scenario() -> None:
        async with serving(behave) as server:
            async with client_of(server.port) as client:
                await send(client)
            await hung_up.wait()

    hung_up = asyncio.Event()
    asyncio.run(scenario())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirects_target_is_never_asked(status: int) -> None:
    async def scenario() -> None:
        async with serving(hang) as elsewhere:
            location = b"Location: http://127.0.0.1:%d/partners\r\n" % elsewhere.port

            async def behave(reader: Reader, writer: Writer) -> None:
                await whole_request(reader)
                writer.write(body(b"%d There" % status, b"", location))
                await reader.read()

            async with serving(behave) as server, client_of(server.port) as client:
                answer = await send(client)

            assert (answer.verdict, answer.reason) == (Verdict.BLOCKED, "redirect")
            assert "canary" not in repr(answer)
            assert elsewhere.connections == 0

    asyncio.run(scenario())


def test_no_environment_variable_has_a_say(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with serving(hang) as proxy, serving(saying(OK)) as server:
            for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
                monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
            async with client_of(server.port) as client:
                assert (await send(client)).reason == "ok"
            assert proxy.connections == 0

    asyncio.run(scenario())


def test_a_proxy_in_the_middle_is_told_the_whole_url_and_who_we_are() -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        for _ in range(2):
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            length = heads[-1].lower().split(b"content-length:")[1].split(b"\r\n")[0]
            await reader.readexactly(int(length))
            writer.write(OK)

    async def scenario() -> None:
        async with serving(behave) as proxy:
            endpoint = Endpoint(
                "http://braze.test", "acme", proxy=f"http://me:pw@127.0.0.1:{proxy.port}"
            )
            client = BrazeClient(endpoint, lambda: KEYS)
            assert [(await send(client)).reason for _ in range(2)] == ["ok", "ok"]
            await client.aclose()
            assert proxy.connections == 1

    heads: list[bytes] = []
    asyncio.run(scenario())
    for head in heads:
        line, *headers = head.split(b"\r\n")
        assert line == b"POST http://braze.test/partners/acme/cohorts/users HTTP/1.1"
        assert b"Host: braze.test" in headers
        assert b"Proxy-Authorization: Basic bWU6cHc=" in headers


@pytest.mark.parametrize(("stood_still_s", "late"), [(0.0, False), (60.0, True)])
def test_a_request_that_left_after_its_deadline_says_so(
    monkeypatch: pytest.MonkeyPatch, *, stood_still_s: float, late: bool
) -> None:
    """The pause comes behind the last look at the clock, where nobody can prevent it (row 11)."""

    real = Wire.connection_made
    jumps_s = [0.0]

    def connection_made(wire: Wire, transport: asyncio.BaseTransport) -> None:
        real(wire, transport)
        write = wire._transport.write

        def stand_still_then_write(data: bytes) -> None:
            jumps_s.append(stood_still_s)
            write(data)

        monkeypatch.setattr(transport, "write", stand_still_then_write)

    async def scenario() -> None:
        async with serving(saying(OK)) as server, client_of(server.port) as client:
            monkeypatch.setattr(
                _backend_of(client), "_clock", lambda: time.monotonic() + jumps_s[-1]
            )

            answer = await send(client)

            assert answer.late is late
            assert answer.reason == ("timeout" if late else "ok")

    monkeypatch.setattr(Wire, "connection_made", connection_made)
    asyncio.run(scenario())
