"""What the parts are built with."""

from __future__ import annotations

from pathlib import Path

from daemon.assembly import cohort_labels
from tests.support.configs import load_with


def test_cohorts_that_the_configuration_names_have_labels_of_their_own(tmp_path: Path) -> None:
    settings = load_with(
        tmp_path,
        {
            "cohorts.include": ["vip", "seg-*", "gone"],
            "cohorts.exclude": ["gone"],
            "cohorts.overrides": {"seg-1": {"max_age": "10s"}},
            "metrics.max_cohorts": 0,
        },
    )

    labels = cohort_labels(settings)

    assert labels.named == {"vip", "seg-1"}
    assert [labels[cohort] for cohort in ("vip", "seg-1", "seg-2")] == ["vip", "seg-1", "other"]
