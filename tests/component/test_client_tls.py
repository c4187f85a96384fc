"""Verification that can't be turned off, and tunnels: what counts as sent when TLS is on."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from daemon.braze.client import BrazeClient, Endpoint
from daemon.braze.route import tls_context
from daemon.core.verdict import Answer, Sent, Verdict
from tests.support.certificates import Authority, Certificate, self_signed
from tests.support.raw_servers import (
    KEYS,
    OK,
    TIMEOUT_S,
    Behaviour,
    Reader,
    Writer,
    flood,
    hang,
    hang_unread,
    reset_unanswered,
    saying,
    send,
    serving,
)

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates")
A, R, B = Verdict.ACCEPTED, Verdict.RETRY, Verdict.BLOCKED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder)


@pytest.fixture(scope="module")
def good(folder: Path) -> Certificate:
    return self_signed(folder, "localhost")


@pytest.fixture(scope="module")
def other(folder: Path) -> Certificate:
    return self_signed(folder, "other.example")


@asynccontextmanager
async def client_of(
    port: int, ca_file: Path | None, proxy: str | None = None
) -> AsyncIterator[BrazeClient]:
    endpoint = Endpoint(
        f"https://localhost:{port}",
        "acme",
        request_timeout_s=TIMEOUT_S * 5,
        ca_file=None if ca_file is None else str(ca_file),
        proxy=proxy,
    )
    client = BrazeClient(endpoint, lambda: KEYS)
    try:
        yield client
    finally:
        await client.aclose()


def verdict_of(answer: Answer) -> tuple[Verdict, Sent, str]:
    return answer.verdict, answer.sent, answer.reason


def test_a_verified_server_is_served_over_one_connection(good: Certificate) -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        while True:
            await saying(OK)(reader, writer)

    async def scenario() -> None:
        async with (
            serving(behave, good.server()) as server,
            client_of(server.port, good.file) as client,
        ):
            answers = [verdict_of(await send(client)) for _ in range(4)]

        assert answers == [(A, Sent.ANSWERED, "ok")] * 4
        assert server.connections == 1

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("case", "says"),
    [
        ("self-signed", "self-signed"),
        ("wrong host", "other.example' | not valid for 'localhost'"),
        ("expired", "expired"),
    ],
)
def test_a_certificate_we_cannot_verify_blocks_before_anything_is_sent(
    case: str, says: str, good: Certificate, other: Certificate, authority: Authority
) -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        received.append(await reader.read())

    async def scenario() -> None:
        shown, trusted = {
            "self-signed": (good, None),
            "wrong host": (other, other.file),
            "expired": (authority.issue("localhost", days=-1), authority.file),
        }[case]
        async with (
            serving(behave, shown.server()) as server,
            client_of(server.port, trusted) as client,
        ):
            answer = await send(client)

            assert verdict_of(answer) == (B, Sent.UNSENT, "tls")
            assert any(part in answer.detail for part in says.split(" | "))

    received: list[bytes] = []
    asyncio.run(scenario())
    assert b"".join(received) == b""


def test_a_server_that_speaks_no_tls_blocks(good: Certificate) -> None:
    async def plain(reader: Reader, writer: Writer) -> None:
        await reader.readexactly(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await reader.read()

    async def scenario() -> None:
        async with serving(plain) as server, client_of(server.port, good.file) as client:
            assert verdict_of(await send(client)) == (B, Sent.UNSENT, "tls")

    asyncio.run(scenario())


def test_tls_older_than_1_2_is_refused(good: Certificate) -> None:
    context = tls_context(str(good.file))

    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("behave", [hang_unread, reset_unanswered])
def test_a_handshake_that_ends_otherwise_is_tried_again(
    behave: Behaviour, good: Certificate
) -> None:
    async def scenario() -> None:
        async with serving(behave) as server, client_of(server.port, good.file) as client:
            assert verdict_of(await send(client)) == (R, Sent.UNSENT, "connect")

    asyncio.run(scenario())


@pytest.mark.parametrize(("behave", "reason"), [(hang, "timeout"), (flood, "truncated")])
def test_deadline_and_limit_hold_inside_tls(
    behave: Behaviour, reason: str, good: Certificate
) -> None:
    async def scenario() -> None:
        async with (
            serving(behave, good.server()) as server,
            client_of(server.port, good.file) as client,
        ):
            assert verdict_of(await send(client)) == (R, Sent.AMBIGUOUS, reason)

    asyncio.run(scenario())


def test_a_ca_file_is_read_again_once_it_is_right(
    good: Certificate, other: Certificate, folder: Path
) -> None:
    async def scenario() -> None:
        async with (
            serving(saying(OK), good.server()) as server,
            client_of(server.port, ca_file) as client,
        ):
            absent = await send(client)
            ca_file.write_text("no certificate")
            broken = await send(client)
            shutil.copyfile(other.file, ca_file)
            os.utime(ca_file, (1, 1))
            wrong = await send(client)
            shutil.copyfile(good.file, ca_file)
            right = await send(client)

        for answer in (absent, broken, wrong):
            assert verdict_of(answer) == (B, Sent.UNSENT, "tls")
        assert str(ca_file) in absent.detail
        assert str(ca_file) in broken.detail
        assert verdict_of(right) == (A, Sent.ANSWERED, "ok")

    ca_file = folder / "late.pem"
    asyncio.run(scenario())


def test_a_kept_tls_connection_that_the_peer_closed_is_replaced(good: Certificate) -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        await saying(OK)(reader, writer)
        writer.close()
        gone.set()

    async def scenario() -> None:
        async with (
            serving(behave, good.server()) as server,
            client_of(server.port, good.file) as client,
        ):
            for _ in range(3):
                gone.clear()
                assert verdict_of(await send(client)) == (A, Sent.ANSWERED, "ok")
                await gone.wait()

    gone = asyncio.Event()
    asyncio.run(scenario())


def tunnel_to(port: int) -> Behaviour:
    async def pump(reader: Reader, writer: Writer) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def behave(reader: Reader, writer: Writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"CONNECT localhost:%d " % port)
        assert b"Basic bWU6cHctY2FuYXJ5" in head  # me:pw-canary
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))
        finally:
            far_writer.close()

    return behave


def test_a_request_goes_through_a_proxys_tunnel(good: Certificate) -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        while True:
            await saying(OK)(reader, writer)

    async def scenario() -> None:
        async with (
            serving(behave, good.server()) as server,
            serving(tunnel_to(server.port)) as proxy,
        ):
            address = f"http://me:pw-canary@127.0.0.1:{proxy.port}"
            async with client_of(server.port, good.file, address) as client:
                answers = [verdict_of(await send(client)) for _ in range(3)]

            assert answers == [(A, Sent.ANSWERED, "ok")] * 3
            assert proxy.connections == 1

    asyncio.run(scenario())


@pytest.mark.parametrize("refuses", [True, False])
def test_what_only_a_proxy_has_seen_is_unsent(good: Certificate, *, refuses: bool) -> None:
    async def behave(reader: Reader, writer: Writer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if refuses:
            writer.write(b"HTTP/1.1 407 pw-canary\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async def scenario() -> None:
        async with serving(behave) as proxy:
            address = f"http://me:pw-canary@127.0.0.1:{proxy.port}"
            async with client_of(9, good.file, address) as client:
                answer = await send(client)

        assert (answer.verdict, answer.sent) == (R, Sent.UNSENT)
        assert answer.reason == ("connect" if refuses else "timeout")
        assert "canary" not in repr(answer)

    asyncio.run(scenario())
