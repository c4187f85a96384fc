"""cohortd: keeps Braze cohorts in step with a Kafka stream."""

__version__ = "0.1.0"
