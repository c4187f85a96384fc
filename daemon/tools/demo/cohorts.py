"""The cohorts of the demo's shop: what they are called, how large they are, when they change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

HOURS = 24


class Kind(Enum):
    """How a user is known to Braze."""

    KNOWN = "external_id"
    EMAIL = "alias"
    DEVICE = "device_id"


def _curve(*points: tuple[int, int]) -> tuple[float, ...]:
    """Return 24 weights through these (hour, weight) points, straight between them."""
    weights: list[float] = []
    for (hour, weight), (until, then) in pairwise((*points, (HOURS, points[0][1]))):
        steps = until - hour
        weights += [weight + (then - weight) * step / steps for step in range(steps)]
    assert len(weights) == HOURS, points
    return tuple(weights)


SHOPPING = _curve((0, 4), (4, 1), (8, 5), (12, 8), (15, 6), (20, 12), (22, 8))
OFFICE = _curve((0, 1), (7, 1), (9, 8), (12, 6), (14, 8), (18, 2))
NIGHTLY = _curve((0, 1), (2, 30), (3, 30), (4, 1), (23, 1))
STEADY = _curve((0, 1), (12, 1))


@dataclass(frozen=True, slots=True)
class CohortPlan:
    """A cohort and its day. `joins`, `leaves` and `flaps` are shares of all changes of the day.

    A flap is one user in and out several times within minutes, the last state by chance. A cohort
    without a name goes by its id. `renamed` is its name from the morning on.
    """

    id: str
    name: str | None
    midnight: int  # Members at the start of the day.
    joins: float
    leaves: float
    flaps: float = 0.0
    curve: tuple[float, ...] = SHOPPING
    kinds: tuple[Kind, ...] = (Kind.KNOWN, Kind.KNOWN, Kind.KNOWN, Kind.EMAIL)
    renamed: str | None = None


COHORTS = (
    CohortPlan("vip", "VIP customers", 160, 0.02, 0.01, curve=OFFICE, renamed="VIP customers 2.0"),
    CohortPlan(
        "cart-abandoners",
        "Cart abandoners",
        250,
        0.14,
        0.12,
        flaps=0.16,
        renamed="Cart abandoners (48 h)",
    ),
    CohortPlan("lapsed-90d", "Lapsed 90 days", 500, 0.06, 0.03, curve=NIGHTLY),
    CohortPlan("new-signups", "New sign-ups", 220, 0.07, 0.03),
    CohortPlan(
        "push-opted-in",
        "Push opted in",
        350,
        0.05,
        0.02,
        flaps=0.06,
        curve=STEADY,
        kinds=(Kind.DEVICE, Kind.DEVICE, Kind.KNOWN),
    ),
    CohortPlan(
        "newsletter",
        "Newsletter readers",
        420,
        0.05,
        0.02,
        curve=OFFICE,
        kinds=(Kind.EMAIL, Kind.EMAIL, Kind.KNOWN),
    ),
    CohortPlan("cafe-regulars", "Café regulars", 90, 0.03, 0.03, flaps=0.03, curve=OFFICE),
    CohortPlan("beta-testers", None, 40, 0.02, 0.02, curve=STEADY, kinds=tuple(Kind)),
)
