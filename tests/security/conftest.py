"""A stage on a mock cluster; a test here is about a control of docs/security-controls.md."""

from __future__ import annotations

from tests.component.conftest import stage, wide_stage

__all__ = ["stage", "wide_stage"]
