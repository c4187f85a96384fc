"""`cohortd top`: a running daemon's status in the terminal, over and over.

It asks `/status` and nothing else. See docs/top.md. The daemon imports nothing from here.
"""

from __future__ import annotations

from daemon.tools.top.command import TopOptions, run

__all__ = ["TopOptions", "run"]
