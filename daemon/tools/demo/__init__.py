"""`cohortd demo`: the real daemon on an embedded Kafka and an embedded Braze, and the proof.

See docs/demo.md. The daemon imports nothing from here.
"""

from __future__ import annotations

from daemon.tools.demo.command import run
from daemon.tools.demo.options import DemoOptions

__all__ = ["DemoOptions", "run"]
