"""Stages on a real Apache Kafka; each test here is about one row of the table of faults."""

from __future__ import annotations

from tests.integration.conftest import each_stage, real_stage

__all__ = ["each_stage", "real_stage"]
