"""What the tests' servers listen on: two runs at once are never given the same port."""

from __future__ import annotations

import subprocess
import sys

from tests.support.processes import free_port

_MANY = 300
_TAKEN = f"""
from tests.support.processes import free_port
print(*(free_port() for _ in range({_MANY})), flush=True)
input()
"""


def test_no_port_is_given_out_twice_neither_here_nor_to_a_run_beside_this_one() -> None:
    others = [
        subprocess.Popen(
            [sys.executable, "-c", _TAKEN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    ports = [str(free_port()) for _ in range(_MANY)]
    for other in others:
        assert other.stdout is not None
        ports += other.stdout.readline().split()
    for other in others:
        other.communicate("\n", timeout=30)

    assert len(set(ports)) == len(ports) == 4 * _MANY
