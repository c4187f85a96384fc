"""The thread around the intake: turns until told to stop, then drains and leaves."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from daemon import clocks
from daemon.intake.complaints import Complaints
from daemon.intake.handover import CONFIRM_S
from daemon.intake.loop import LEAVE_S, Intake
from daemon.intake.watch import IntakeWatch, count_changes
from daemon.kafka.consumer import KafkaConsumer
from daemon.logs import event, get_logger
from daemon.status import Board

# While there is no token to log in with, it is looked for this often.
LOGIN_EVERY_S = 0.2

# A topic that was complained of is looked for this often: the client says once that it is
# missing, and nothing when it has come and is another replica's.
LOOK_EVERY_S = 2.0


class IntakeThread(threading.Thread):
    """Runs the loop; `ended` is called from it when it is over, with the failure, if any."""

    def __init__(
        self,
        intake: Intake,
        consumer: KafkaConsumer,
        watch: IntakeWatch,
        board: Board,
        ended: Callable[[BaseException | None], None],
    ) -> None:
        super().__init__(name="cohortd-intake", daemon=True)
        self._intake = intake
        self._consumer = consumer
        self._watch = watch
        self._board = board
        self._ended = ended
        self._complaints = Complaints()
        self._look_at_s = 0.0
        self._deadline_s = math.inf
        self._stopping = threading.Event()
        self._log = get_logger()

    def stop(self, deadline_s: float) -> None:
        """Drain and leave by then; called again with an earlier time, hurry. From any thread."""
        self._deadline_s = min(self._deadline_s, deadline_s)
        self._intake.stop_by(self._deadline_s)
        self._stopping.set()

    def run(self) -> None:
        """Do it all. Nothing is raised: `ended` is told."""
        failure: BaseException | None = None
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001  The top of a thread: its end is everybody's.
            failure = error
        self._ended(failure)

    def _work(self) -> None:
        if not self._can_log_in():
            return
        self._intake.join()
        while not self._stopping.is_set():
            self._turn()
        self._drain()
        self._intake.leave(self._deadline_s)

    def _can_log_in(self) -> bool:
        """Hold until a Kafka client can be made; tell whether one can, or we were stopped first."""
        while self._consumer.tokens.trouble:
            if self._stopping.wait(LOGIN_EVERY_S):
                return False
            self._show(clocks.now_s())
        return True

    def _drain(self) -> None:
        """Go on until nothing more may start in time; what is left then is abandoned at once."""
        relay = self._intake.relay
        self._log.info(event.DRAIN_STARTED, pending=count_changes(relay))
        self._intake.draining = True
        leaving_s = LEAVE_S + self._intake.request_s
        while not self._intake.drained(self._turn(), self._deadline_s - leaving_s):
            if clocks.now_s() >= self._deadline_s - leaving_s:
                break
        else:
            in_time_s = clocks.now_s() + self._intake.request_s + CONFIRM_S
            self._deadline_s = min(self._deadline_s, in_time_s)
        if relay.idle:
            self._log.info(event.DRAIN_FINISHED)
        else:  # It can't be delivered before the deadline, and is left to the next owner.
            self._log.warning(event.DRAIN_DEADLINE, pending=count_changes(relay))

    def _turn(self) -> int:
        begun_s = clocks.now_s()
        handed_over = self._intake.turn()
        now_s = clocks.now_s()
        self._watch.took(now_s - begun_s)
        self._show(now_s)
        return handed_over

    def _show(self, now_s: float) -> None:
        """Take in what the Kafka client says, and let the picture be drawn."""
        self._hear(now_s)
        delivery = self._board.delivery
        waits = bool(delivery.blocked) or delivery.cohorts_in_backoff > 0
        view = self._watch.turn(now_s, held_elsewhere=waits)
        if view is not None:
            self._board.pending_of_cohorts = self._watch.pending_of_cohorts
            self._board.publish_intake(view, now_s)
        self._board.intake_tick_s = now_s

    def _hear(self, now_s: float) -> None:
        """Take in what the client complains of, and whether that is over."""
        intake = self._intake
        events = self._consumer.client_events()
        self._complaints.turn(events, intake.heard + intake.committer.accepted, now_s)
        self._complaints.read(intake.heard_topics)
        intake.heard_topics.clear()
        self._complaints.failing(self._consumer.failing_topics(), now_s)
        survey = intake.surveys.latest
        if survey is not None:
            ours = {partition.topic for partition in intake.ownership.assigned}
            self._complaints.found(survey, ours)
        if self._complaints.only_topics and now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_EVERY_S
            intake.surveys.hurry()
        self._watch.client_trouble = self._complaints.trouble
