"""What a reset or an adoption writes, and what a person is told before."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.settings import Settings
from daemon.core.intent import TO_THE_END, Intent, Mark
from daemon.core.model import Partition
from daemon.core.takeover import Destination, Log, take_over
from daemon.core.tenure import Start
from daemon.errors import CohortdError
from daemon.kafka.records import Committed
from daemon.tools.offsets import plan
from daemon.tools.offsets.position import Position
from tests.support.configs import load_with

P0, P1 = Partition("t", 0), Partition("t", 1)
OTHERS = "0badcafe"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_with(tmp_path_factory.mktemp("plan"), {"kafka.group_id": "g"})


def marked(settings: Settings, sent_to: int = 0, **more: object) -> str:
    fields: dict[str, object] = {"clean": True, "topic_id": "id", "fingerprint": ""} | more
    fingerprint = str(fields["fingerprint"]) or settings.fingerprint
    mark = Mark(sent_to, bool(fields["clean"]), str(fields["topic_id"]), fingerprint)
    return mark.encode()


def at(
    offset: int | None, metadata: str, low: int = 0, high: int = 100, topic_id: str = "id"
) -> Position:
    committed = None if offset is None else Committed(offset, metadata, 7)
    return Position(P0, committed, low, high, topic_id)


def reset(position: Position, to: str | int, settings: Settings) -> tuple[Intent, str]:
    made = plan.reset([position], P0, to, settings)
    [intent] = made.intents
    assert intent.partition == P0
    assert intent.mark.fingerprint == settings.fingerprint
    assert not intent.mark.clean, "a successor must wait"
    return intent, "\n".join(made.lines[1:])


# --- where to, and the barrier -------------------------------------------------------------------


@pytest.mark.parametrize(("to", "offset"), [("earliest", 10), ("latest", 100), (42, 42)])
def test_a_reset_goes_where_it_was_told(settings: Settings, to: str | int, offset: int) -> None:
    intent, _ = reset(at(50, marked(settings), low=10), to, settings)

    assert intent.offset == offset
    assert intent.leader_epoch is None, "the epoch of another offset"


@pytest.mark.parametrize("to", [9, 101])
def test_an_offset_outside_of_the_log_is_refused_with_its_range(
    settings: Settings, to: int
) -> None:
    with pytest.raises(CohortdError, match=f"--to {to}: t:0 has offsets 10 to 100"):
        plan.reset([at(50, marked(settings), low=10)], P0, to, settings)


@pytest.mark.parametrize(("to", "sent_to"), [(20, 80), (80, 80), (90, 90)])
def test_the_barrier_never_falls_below_the_former_one(
    settings: Settings, to: int, sent_to: int
) -> None:
    intent, _ = reset(at(50, marked(settings, 80)), to, settings)

    assert intent.mark.sent_to == sent_to


@pytest.mark.parametrize(
    ("metadata", "topic_id"),
    [
        ("", "id"),  # An admin's reset wiped it.
        ('{"v":99}', "id"),
        ({"sent_to": TO_THE_END}, "id"),
        ({"sent_to": 80, "topic_id": "former"}, "id"),
        ({"sent_to": 80}, ""),  # The broker does not tell ids.
        ({"sent_to": 80, "topic_id": ""}, "id"),
    ],
)
def test_the_barrier_is_the_logs_end_where_nobody_knows_what_was_sent(
    settings: Settings, metadata: str | dict[str, object], topic_id: str
) -> None:
    text = metadata if isinstance(metadata, str) else marked(settings, **metadata)  # type: ignore[arg-type]

    intent, told = reset(at(50, text, topic_id=topic_id), 20, settings)

    assert intent.mark.sent_to == TO_THE_END
    assert "read to the log's end once" in told


@pytest.mark.parametrize("metadata", [{"topic_id": "former"}, {"sent_to": 500}])
def test_the_daemon_starts_from_what_a_reset_wrote_and_waits(
    settings: Settings, metadata: dict[str, object]
) -> None:
    destination = Destination(settings.fingerprint, 30.0)
    parked = at(500, marked(settings, **metadata))  # type: ignore[arg-type]
    assert parked.parked()

    intent, _ = reset(parked, 40, settings)

    written = (intent.offset, intent.mark.encode(), None)
    start = take_over(written, Log("id"), destination, now_s=5.0)
    assert isinstance(start, Start)
    assert (start.position, start.wait_until_s) == (40, 35.0)


# --- what is said --------------------------------------------------------------------------------


def test_going_back_tells_what_is_repeated(settings: Settings) -> None:
    _, told = reset(at(50, marked(settings)), 20, settings)

    assert "Offsets 20 to 49 (up to 30 records) were committed already" in told
    assert "never" not in told


def test_going_forward_tells_what_is_never_delivered(settings: Settings) -> None:
    _, told = reset(at(50, marked(settings)), "latest", settings)

    assert "Offsets 50 to 99 (up to 50 records) are never delivered" in told
    assert "again" not in told


def test_what_retention_took_is_told_apart_from_what_is_skipped(settings: Settings) -> None:
    _, told = reset(at(5, marked(settings), low=10), 12, settings)

    assert "Offsets 5 to 9 are no longer in the log" in told
    assert "Offsets 10 to 11 (up to 2 records) are never delivered" in told


def test_one_record_is_one_record(settings: Settings) -> None:
    _, told = reset(at(50, marked(settings)), 51, settings)

    assert "Offsets 50 to 50 (up to 1 record) are never delivered" in told


def test_a_log_that_ends_before_the_commit_is_said_to(settings: Settings) -> None:
    _, told = reset(at(150, marked(settings)), "earliest", settings)

    assert "The log ends at 100, before the committed offset" in told
    assert "Offsets 0 to 99 (up to 100 records) were committed already" in told


def test_offsets_of_a_topic_made_anew_are_not_compared(settings: Settings) -> None:
    _, told = reset(at(50, marked(settings, topic_id="former")), 20, settings)

    assert "The topic was deleted and made anew" in told
    assert "Offsets 20 to 99 (up to 80 records) are delivered, perhaps again" in told
    assert "Offsets 0 to 19 (up to 20 records) are never delivered" in told


def test_staying_where_it_is_repeats_and_skips_nothing(settings: Settings) -> None:
    _, told = reset(at(50, marked(settings)), 50, settings)

    assert "No record is skipped" in told
    assert "Offsets" not in told


# --- what is refused -----------------------------------------------------------------------------


def test_another_destinations_partition_is_not_reset(settings: Settings) -> None:
    with pytest.raises(CohortdError, match=f"fingerprint {OTHERS}.*offsets adopt"):
        plan.reset([at(50, marked(settings, fingerprint=OTHERS))], P0, "latest", settings)


def test_a_partition_the_topic_does_not_have_is_refused(settings: Settings) -> None:
    with pytest.raises(CohortdError, match="t:1: topic t has no such partition; it has 0 to 0"):
        plan.reset([at(50, marked(settings))], P1, "latest", settings)


def test_a_topic_without_any_offset_begins_by_itself(settings: Settings) -> None:
    with pytest.raises(CohortdError, match="nothing to reset"):
        plan.reset([at(None, "")], P0, "latest", settings)


def test_a_partition_without_an_offset_beside_others_may_be_given_one(settings: Settings) -> None:
    other = Position(P1, Committed(3, marked(settings)), 0, 9, "id")

    made = plan.reset([at(None, ""), other], P0, "latest", settings)

    [intent] = made.intents
    assert (intent.offset, intent.mark.sent_to) == (100, TO_THE_END)
    assert "Offsets 0 to 99 (up to 100 records) are never delivered" in "\n".join(made.lines)


# --- adopting ------------------------------------------------------------------------------------


def test_adopting_keeps_offset_barrier_topic_and_epoch(settings: Settings) -> None:
    theirs = marked(settings, 80, fingerprint=OTHERS, topic_id="former")

    made = plan.adopt([at(50, theirs)], settings)

    mark = Mark(80, False, "former", settings.fingerprint)
    assert made.intents == (Intent(P0, 50, mark, 7),)


def test_adopting_offsets_without_a_mark_waits_for_the_logs_end(settings: Settings) -> None:
    made = plan.adopt([at(50, "")], settings)

    mark = Mark(TO_THE_END, False, "id", settings.fingerprint)
    assert made.intents == (Intent(P0, 50, mark, 7),)


def test_adopting_leaves_our_own_and_missing_offsets_alone(settings: Settings) -> None:
    ours, none = at(50, marked(settings)), at(None, "")

    assert plan.adopt([ours, none], settings) == plan.Plan((), ())


def test_adopting_says_whose_offsets_they_are_and_what_stays(
    settings: Settings, tmp_path: Path
) -> None:
    theirs = at(150, marked(settings, fingerprint=OTHERS))
    wiped = Position(P1, Committed(3, ""), 0, 9, "id")

    told = "\n".join(plan.adopt([theirs, wiped], settings).lines)

    assert f"2 partitions to take over (fingerprint {OTHERS} on 1, none on 1" in told
    assert settings.braze_url in told
    assert "the members at the former destination stay" in told
    assert "Still parked, continue with `cohortd offsets reset`: t:0" in told
