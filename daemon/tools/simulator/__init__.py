"""Braze's cohort endpoints as documented, for staging, compose, the demo and the tests.

See docs/simulator.md. The daemon imports nothing from here.
"""

from __future__ import annotations

from daemon.tools.simulator.command import run
from daemon.tools.simulator.server import Simulator
from daemon.tools.simulator.settings import SimulatorOptions, SimulatorSettings
from daemon.tools.simulator.thread import SimulatorThread

__all__ = ["Simulator", "SimulatorOptions", "SimulatorSettings", "SimulatorThread", "run"]
