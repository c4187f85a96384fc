from __future__ import annotations

import pytest

from tests.bench.slope import slope_of


def test_a_line_is_found_as_it_is() -> None:
    slope = slope_of([(at_s, 70.0 + at_s / 3600) for at_s in range(0, 600, 5)])

    assert slope.an_hour == pytest.approx(1.0)
    assert slope.error == pytest.approx(0.0, abs=1e-6)


def test_what_goes_up_and_down_has_no_slope_but_an_error() -> None:
    slope = slope_of([(0.0, 70.0), (1.0, 71.0), (2.0, 71.0), (3.0, 70.0)])

    assert slope.an_hour == pytest.approx(0.0)
    assert slope.error > 1_000.0
