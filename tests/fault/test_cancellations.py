"""Attempts ended from outside against the rules, and flushes called back: no slot is ever lost."""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

from daemon.braze.client import BrazeClient, Endpoint
from daemon.core.verdict import Verdict
from tests.support.late_braze import Fate, LateBraze, rules_of, sending_to
from tests.support.raw_servers import KEYS, OK, Reader, Writer, send, serving, whole_request

CANCELLATIONS = int(os.environ.get("CANCELLATIONS", "10000"))
SLOTS = 24
TURNS_MAX = 16  # Of the loop before a cancellation: from before the connection to the answer.
DRAINS = 200


async def accept(reader: Reader, writer: Writer) -> None:
    while True:
        await whole_request(reader)
        writer.write(OK)
        await writer.drain()


async def _cancel_early(client: BrazeClient, turns: int) -> None:
    task = asyncio.ensure_future(send(client))
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_ten_thousand_early_cancellations_lose_no_slot() -> None:
    async def misuse(client: BrazeClient, count: int) -> None:
        for _ in range(count):
            await _cancel_early(client, chance.randrange(TURNS_MAX))

    async def scenario() -> None:
        async with serving(accept) as server:
            endpoint = Endpoint(f"http://127.0.0.1:{server.port}", "acme", request_timeout_s=30.0)
            clients = [BrazeClient(endpoint, lambda: KEYS) for _ in range(SLOTS)]
            await asyncio.gather(*(misuse(one, -(-CANCELLATIONS // SLOTS)) for one in clients))

            probes = await asyncio.gather(*(client.probe() for client in clients))

            assert {(probe.verdict, probe.reason) for probe in probes} == {(Verdict.ACCEPTED, "ok")}
            connections.append(server.connections)
            for client in clients:
                await client.aclose()

    chance = random.Random(62)
    connections: list[int] = []
    before = _open_files()
    asyncio.run(scenario())
    assert connections[0] > CANCELLATIONS // 4  # Many were cancelled with a connection.
    assert _open_files() <= before  # Others' leftovers may have been collected meanwhile.


async def _alive(client: BrazeClient) -> bool:
    """A busy machine may miss so short a deadline, but not every time."""
    probes = [(await client.probe()).verdict for _ in range(10)]
    return Verdict.ACCEPTED in probes


def test_flushes_called_back_again_and_again_lose_no_slot() -> None:
    async def scenario() -> None:
        braze = LateBraze(lambda _: fates(), lambda: 0.0)
        async with sending_to(braze, rules_of(0.0, SLOTS), 0.25) as sender:
            for number in range(DRAINS):
                for cohort in range(3):
                    sender.change(f"c{cohort}", {f"m{number}": True})
                sender.pump()
                sender.dispatcher.abandon(list(sender.relay.in_flight))
                in_flight.append(len(sender.relay.in_flight))
                await sender.until(lambda: not sender.relay.in_flight)

            await sender.until(lambda: sender.relay.idle)

            assert max(in_flight) == 3
            assert braze.unanswered > 0
            assert braze.members == sender.should_be()
            assert sender.all_committable
            await sender.dispatcher.close(0.0)  # A slot that is connected ahead is busy.
            assert all(await asyncio.gather(*map(_alive, sender.slots)))

    def fates() -> Fate:
        return Fate.UNANSWERED if chance.random() < 0.04 else Fate.ANSWERED

    chance = random.Random(62)
    in_flight: list[int] = []
    asyncio.run(scenario())
