"""The lease of a group whose session stands in its configuration at the broker."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from daemon.core.lease import Lease
from daemon.intake.ports import NoSurveys, Ports
from daemon.intake.session import GroupSession
from daemon.kafka.records import GroupTimes, Survey
from daemon.metrics import CohortLabels, Metrics

REQUEST_S = 2.0


class Scene:
    """A lease for which the broker took a commit that was sent at 100 s."""

    def __init__(self, lease_s: float = 0.0) -> None:
        self.lease = Lease(lease_s)
        self.lease.renew(100.0)
        self.renewed: list[float] = []
        self._surveys = NoSurveys()
        line = SimpleNamespace(renew=self.renewed.append)
        metrics = Metrics(CollectorRegistry(), CohortLabels((), 3), partition_labels=True)
        ports = Ports(
            cast("Any", None), cast("Any", line), lambda: 0.0, metrics, surveys=self._surveys
        )
        self.session = GroupSession(ports, self.lease, REQUEST_S)

    def told(self, times: GroupTimes | None, trouble: str = "") -> None:
        self._surveys.latest = Survey(0.0, {}, {}, times, trouble)
        self.session.turn()


def test_nothing_is_sent_before_the_session_is_known_and_then_at_once() -> None:
    scene = Scene()
    scene.session.turn()
    assert "not known yet" in scene.session.trouble
    assert not scene.lease.fresh(100.0)

    scene.told(GroupTimes(10.0, 1.0))

    assert not scene.session.trouble
    assert scene.lease.length_s == 5.0
    assert scene.renewed == [105.0]


def test_a_refused_question_is_told_with_its_remedy_until_it_is_answered() -> None:
    scene = Scene()

    scene.told(None, "GROUP_AUTHORIZATION_FAILED")

    assert "GROUP_AUTHORIZATION_FAILED; set kafka.session_timeout" in scene.session.trouble
    scene.told(GroupTimes(10.0, 1.0))
    assert not scene.session.trouble


def test_without_an_answer_what_was_told_before_stays() -> None:
    scene = Scene()
    scene.told(GroupTimes(10.0, 1.0))

    scene.told(None, "nobody answers")

    assert not scene.session.trouble
    assert scene.lease.length_s == 5.0


@pytest.mark.parametrize(("session_s", "fits"), [(5.9, False), (6.0, True)])
def test_a_session_too_short_for_any_lease_is_a_hold_that_says_what_is_wrong(
    session_s: float, *, fits: bool
) -> None:
    scene = Scene()
    scene.told(GroupTimes(20.0, 1.0))

    scene.told(GroupTimes(session_s, 1.0))

    assert scene.lease.fresh(100.0) is fits
    assert ("at least 6s, or lower delivery.request_timeout" in scene.session.trouble) is not fits
    scene.told(GroupTimes(20.0, 1.0))
    assert not scene.session.trouble
    assert scene.lease.length_s == 15.0


def test_a_configured_lease_stays_whatever_the_broker_says() -> None:
    scene = Scene(lease_s=15.0)

    scene.told(GroupTimes(10.0, 1.0))
    scene.told(None, "refused")

    assert not scene.session.trouble
    assert scene.lease.length_s == 15.0
    assert not scene.renewed
