"""`cohortd init`: a starter configuration, guessed from the last records of a topic.

It reads outside any group and changes nothing. See docs/init.md. The daemon imports nothing from
here.
"""

from __future__ import annotations

from daemon.tools.init.command import InitOptions, run

__all__ = ["InitOptions", "run"]
