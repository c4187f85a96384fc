"""How long the lease is, where only the group's own configuration tells the session (G6)."""

from __future__ import annotations

from daemon.config.durations import duration_text
from daemon.core.lease import MARGIN_S, SHORTEST_S, Lease, lease_length_s
from daemon.intake.ports import Ports
from daemon.kafka.records import GroupTimes, Survey
from daemon.logs import FoldedLog, event, get_logger

_S = duration_text
_SETTING = "set kafka.session_timeout to the group's consumer.session.timeout.ms"


class GroupSession:
    """Follows the group's configuration at the broker; a lease that was configured stays.

    Under `group.protocol=consumer` the broker has the session timeout and the heartbeat interval,
    and may be told others at any time. `trouble` says why nothing may be sent for want of a
    usable session; it is empty otherwise.
    """

    def __init__(self, ports: Ports, lease: Lease, request_s: float) -> None:
        self._surveys = ports.surveys
        self._line = ports.line
        self._lease = lease
        self._request_s = request_s
        self._configured = bool(lease.length_s)
        self._survey: Survey | None = None  # The last one that was looked at.
        self._times: GroupTimes | None = None
        self._log = get_logger()
        self._folded = FoldedLog(self._log)
        self.trouble = ""
        if not self._configured:
            self.trouble = "the group's session timeout is not known yet: the broker is asked"

    def turn(self) -> None:
        """Take in what the last survey told."""
        survey = self._surveys.latest
        if survey is None or survey is self._survey:
            return
        self._survey = survey
        if survey.group is None:
            if self._times is None and not self._configured:
                why = survey.group_trouble
                self.trouble = f"the group's session timeout is not known: {why}; {_SETTING}"
                self._folded.warning(event.GROUP_SESSION_UNKNOWN, detail=why, remedy=_SETTING)
        elif survey.group != self._times:
            self._times = survey.group
            self._take(survey.group)

    def _take(self, times: GroupTimes) -> None:
        lease_s = lease_length_s(times.session_s, times.heartbeat_s, self._request_s)
        usable = lease_s >= SHORTEST_S
        told = {"session_s": times.session_s, "heartbeat_s": times.heartbeat_s}
        if self._configured:
            if self._lease.length_s > lease_s:
                remedy = f"{_SETTING}; with a longer one two replicas may send for one partition"
                self._log.warning(event.GROUP_SESSION_SHORTER, **told, remedy=remedy)
            return
        self._lease.set_length(lease_s if usable else 0.0)
        self._line.renew(self._lease.until_s)
        if usable:
            self.trouble = ""
            self._log.info(event.GROUP_SESSION_TOLD, **told, lease_s=lease_s)
            return
        least_s = SHORTEST_S + times.heartbeat_s + self._request_s + MARGIN_S
        self.trouble = (
            f"the group's session timeout at the broker, {_S(times.session_s)}, leaves no lease:"
            f" less the heartbeat {_S(times.heartbeat_s)}, delivery.request_timeout"
            f" {_S(self._request_s)} and {_S(MARGIN_S)}, at least {_S(SHORTEST_S)} must be left;"
            f" make consumer.session.timeout.ms of the group at least {_S(least_s)},"
            " or lower delivery.request_timeout"
        )
        self._log.error(event.GROUP_SESSION_TOO_SHORT, **told, detail=self.trouble)
