"""`cohortd check`: what a configuration amounts to and, online, whether Kafka and Braze take it.

It changes nothing and joins no group. See docs/check.md. The daemon imports nothing from here.
"""

from __future__ import annotations

from daemon.tools.check.command import run

__all__ = ["run"]
