"""The things on stage: embedded Kafka, simulated Braze, the daemon's process and its status.

Whatever happens, leaving the stage ends what was started and removes what was written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from daemon.tools.demo.child import ChildDaemon
from daemon.tools.demo.embedded_kafka import EmbeddedKafka
from daemon.tools.demo.faults import CALM, FAULTS
from daemon.tools.demo.files import DEAD_LETTERS, INPUT, PARTNER, write_files
from daemon.tools.demo.options import DemoOptions
from daemon.tools.demo.status_page import StatusReader
from daemon.tools.folder import temporary_folder
from daemon.tools.simulator import SimulatorSettings, SimulatorThread


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything the demo plays with. The daemon is not started yet."""

    kafka: EmbeddedKafka
    braze: SimulatorThread
    daemon: ChildDaemon
    status: StatusReader
    partitions: int


@contextmanager
def open_stage(options: DemoOptions) -> Iterator[Stage]:
    """Set everything up, and end it all."""
    with ExitStack() as ends:
        folder = ends.enter_context(temporary_folder("cohortd-demo-"))
        kafka = EmbeddedKafka()
        partitions = kafka.create_topic(INPUT)
        kafka.create_topic(DEAD_LETTERS)
        faults = FAULTS if options.faults else CALM
        braze = ends.enter_context(
            SimulatorThread(SimulatorSettings(faults=faults, seed=options.seed, partner=PARTNER))
        )
        files = write_files(folder, kafka.bootstrap, braze.url)
        braze.set_keys(
            partner_api_keys=[files.partner_api_key], client_secrets=[files.data_import_key]
        )
        child = ChildDaemon(files.config, files.log)
        ends.callback(child.kill)
        status = StatusReader(child.admin_port)
        status.start()
        ends.callback(status.stop)
        yield Stage(kafka, braze, child, status, partitions)
