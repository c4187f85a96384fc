"""`cohortd plan`: what `run` would do with what waits, without doing it.

It reads from the group's committed offsets to the end, joins no group, commits and sends nothing.
See docs/plan.md. The daemon imports nothing from here.
"""

from __future__ import annotations

from daemon.tools.plan.command import PlanOptions, run

__all__ = ["PlanOptions", "run"]
