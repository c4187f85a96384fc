"""Every instrument of the daemon, declared once, on a registry that is passed in."""

from daemon.metrics.catalogue import CATALOGUE, Instrument
from daemon.metrics.instruments import Instruments
from daemon.metrics.labels import CohortLabels
from daemon.metrics.metrics import BuildInfo, Metrics, PartitionGauges, Quota

__all__ = [
    "CATALOGUE",
    "BuildInfo",
    "CohortLabels",
    "Instrument",
    "Instruments",
    "Metrics",
    "PartitionGauges",
    "Quota",
]
