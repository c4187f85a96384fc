"""What a process could leave behind against its will, shut before it reads its first secret.

A core file is a copy of the memory, keys and members in it; Python's fault handler writes stacks
past our own log; and a variable of the environment makes the TLS libraries write their session
keys to a file. Knows nothing of what the process is for.
"""

from __future__ import annotations

import faulthandler
import os
import resource

# Python's ssl and curl, which librdkafka fetches tokens with, write to the file it names.
_TLS_KEYS_FILE = "SSLKEYLOGFILE"


def shut_leaks() -> None:
    """Let no crash leave a core file or a stack, and no connection its keys; for good.

    The limit is the hard one too: nothing in this process can raise it again. A collector that the
    kernel pipes cores to (systemd-coredump, apport) is told the limit, and heeds it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.disable()
    os.environ.pop(_TLS_KEYS_FILE, None)
