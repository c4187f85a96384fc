from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench.slope import Slope, grows_too_fast, slope_of

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR_S, HALF_S = 3600, 1800


def too_fast(seconds: int, mib_at: Callable[[float], float]) -> bool:
    """Judge a run so long, whose first fifth is left out, with a sample every 2 s."""
    samples = [(float(at_s), mib_at(at_s)) for at_s in range(seconds // 5, seconds, 2)]
    return grows_too_fast(slope_of(samples), samples[-1][0] - samples[0][0], seconds)


def line(an_hour: float) -> Callable[[float], float]:
    # Pages of 4 KiB: what is measured never lies on a line, and the slope has an error.
    return lambda at_s: 70.0 + round(an_hour * at_s / 3600 * 256) / 256


def test_a_line_is_found_as_it_is() -> None:
    slope = slope_of([(at_s, 70.0 + at_s / 3600) for at_s in range(0, 600, 5)])

    assert slope.an_hour == pytest.approx(1.0)
    assert slope.error == pytest.approx(0.0, abs=1e-6)


def test_what_goes_up_and_down_has_no_slope_but_an_error() -> None:
    slope = slope_of([(0.0, 70.0), (1.0, 71.0), (2.0, 71.0), (3.0, 70.0)])

    assert slope.an_hour == pytest.approx(0.0)
    assert slope.error > 1_000.0


@pytest.mark.parametrize("seconds", [HOUR_S, 2 * HOUR_S])
def test_of_an_hour_the_slope_itself_decides(seconds: int) -> None:
    assert too_fast(seconds, line(1.21))
    assert too_fast(seconds, line(1.01))
    assert not too_fast(seconds, line(0.9))
    assert not too_fast(seconds, line(-0.56))


def test_an_hour_is_too_fast_whatever_the_error_of_its_slope() -> None:
    assert grows_too_fast(Slope(1.1, error=0.5), 2880.0, HOUR_S)
    assert not grows_too_fast(Slope(0.9, error=0.5), 2880.0, HOUR_S)


def test_one_step_does_not_fail_half_an_hour() -> None:
    assert not too_fast(HALF_S, lambda at_s: 70.0 + 0.6 * (at_s > 0.6 * HALF_S))


def test_half_an_hour_that_grows_all_the_time_is_too_fast() -> None:
    assert too_fast(HALF_S, line(4.0))
    assert too_fast(HALF_S, line(2.6))
    assert not too_fast(HALF_S, line(2.4))  # Less than a step in that time: it can't be told.


def test_half_an_hour_whose_slope_is_within_its_error_is_not_too_fast() -> None:
    assert grows_too_fast(Slope(3.0, error=0.9), 1440.0, HALF_S)
    assert not grows_too_fast(Slope(3.0, error=1.1), 1440.0, HALF_S)
