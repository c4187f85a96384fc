from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, Message

from daemon.core.model import Partition
from daemon.kafka.client_errors import EventLog
from daemon.kafka.records import EndOfPartition, PartitionFault, Polled, Run
from daemon.kafka.runs import Reading

A, B = Partition("a", 0), Partition("a", 1)
OTHER = Partition("other", 0)


def records(partition: Partition, *offsets: int) -> list[Message]:
    return [Message(partition.topic, partition.number, offset, value=b"v") for offset in offsets]


def failed(partition: Partition, code: int, offset: int = -1001) -> Message:
    return Message(partition.topic, partition.number, offset, error=KafkaError(code))


def reading() -> Reading:
    found = Reading()
    for partition in (A, B, OTHER):
        found.begin(partition, 0)
    return found


def shape(polled: list[Polled]) -> list[tuple[Partition, list[int]]]:
    runs = [run for run in polled if isinstance(run, Run)]
    assert len(runs) == len(polled)
    return [(run.partition, [record.offset() for record in run.records]) for run in runs]


def test_a_poll_has_one_run_of_each_partition() -> None:
    messages = records(A, 0, 1) + records(B, 0) + records(A, 2) + records(B, 4) + records(A, 5)

    polled = reading().take(messages, EventLog())

    assert shape(polled) == [(A, [0, 1, 2, 5]), (B, [0, 4])]


def test_an_end_behind_which_more_has_come_cuts_no_run() -> None:
    read = reading()
    ends = [failed(A, KafkaError._PARTITION_EOF, offset) for offset in (2, 3, 7)]
    messages = [*records(A, 0, 1), ends[0], *records(B, 0), *records(A, 2), ends[1]]

    polled = read.take([*messages, *records(A, 3, 4), ends[2], *records(A, 7)], EventLog())

    assert shape([each for each in polled if isinstance(each, Run)]) == [
        (A, [0, 1, 2, 3, 4, 7]),
        (B, [0]),
    ]
    assert [each for each in polled if not isinstance(each, Run)] == [EndOfPartition(A, 7)]
    assert read.position(A) == 8


def test_topics_that_meet_on_one_number_are_cut_apart() -> None:
    polled = reading().take(records(A, 0, 1) + records(OTHER, 0, 1), EventLog())

    assert shape(polled) == [(A, [0, 1]), (OTHER, [0, 1])]


def test_a_run_may_have_gaps() -> None:
    [run] = reading().take(records(A, 3, 4, 9, 12), EventLog())

    assert isinstance(run, Run)
    assert (run.first_offset, run.next_offset) == (3, 13)


def test_records_of_a_partition_not_begun_are_dropped_and_counted() -> None:
    read = reading()
    read.end(A)

    polled = read.take(records(A, 0, 1) + records(B, 0), EventLog())

    assert shape(polled) == [(B, [0])]
    assert read.stale == 2


def test_records_below_what_was_handed_out_are_dropped_and_counted() -> None:
    read = reading()
    read.take(records(A, 0, 1, 2), EventLog())

    polled = read.take(records(A, 1, 2, 3, 4), EventLog())

    assert shape(polled) == [(A, [3, 4])]
    assert read.stale == 2


def test_records_out_of_order_within_a_run_are_dropped_and_counted() -> None:
    read = reading()

    polled = read.take(records(A, 10, 11, 5, 6, 12), EventLog())

    assert shape(polled) == [(A, [10, 11, 12])]
    assert read.stale == 2


def test_a_new_beginning_forgets_the_old_floor() -> None:
    read = reading()
    read.take(records(A, 50), EventLog())

    read.begin(A, 10)

    assert read.position(A) is None
    assert shape(read.take(records(A, 10, 11), EventLog())) == [(A, [10, 11])]
    assert read.position(A) == 12


def test_the_end_of_the_log_moves_the_position_past_control_records() -> None:
    read = reading()
    end = failed(A, KafkaError._PARTITION_EOF, 9)

    polled = read.take([*records(A, 0, 1), end], EventLog())

    assert polled[1:] == [EndOfPartition(A, 9)]
    assert read.position(A) == 9


def test_a_fault_stands_between_the_runs_it_came_between() -> None:
    fault = failed(A, KafkaError._AUTO_OFFSET_RESET, 7)

    polled = reading().take([*records(A, 0), fault, *records(A, 1)], EventLog())

    assert [type(entry) for entry in polled] == [Run, PartitionFault, Run]
    assert isinstance(polled[1], PartitionFault)
    assert (polled[1].partition, polled[1].code) == (A, "_AUTO_OFFSET_RESET")


def test_the_end_and_faults_of_a_partition_not_begun_are_no_news_of_it() -> None:
    read, events = reading(), EventLog()
    read.end(A)
    messages = [
        failed(A, KafkaError._PARTITION_EOF, 9),
        failed(A, KafkaError.UNKNOWN_TOPIC_OR_PART),
    ]

    assert read.take(messages, events) == []
    assert [(event.code, event.topic) for event in events.drain()] == [
        ("UNKNOWN_TOPIC_OR_PART", "a")
    ]


def test_what_passes_by_itself_is_an_event_and_no_fault() -> None:
    read, events = reading(), EventLog()

    assert read.take([failed(A, KafkaError._TRANSPORT)], events) == []
    assert [event.code for event in events.drain()] == ["_TRANSPORT"]
    assert events.fatal is None


# By number: a broker may answer with a code that the binding has no name for.
@pytest.mark.parametrize(
    "code",
    [
        KafkaError.UNKNOWN,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.KAFKA_STORAGE_ERROR,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
        KafkaError.UNKNOWN_TOPIC_ID,
        KafkaError.INCONSISTENT_TOPIC_ID,
        KafkaError.UNSUPPORTED_VERSION,
        109,  # OFFSET_MOVED_TO_TIERED_STORAGE
        999,
    ],
)
def test_what_a_broker_may_answer_otherwise_the_next_time_parks_nothing(code: int) -> None:
    read, events = reading(), EventLog()

    assert read.take([failed(A, code)], events) == []
    [event] = events.drain()
    assert (event.topic, event.reading, event.repeats) == ("a", True, True)


@pytest.mark.parametrize(
    "code",
    [
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError._LOG_TRUNCATION,
        KafkaError.OFFSET_OUT_OF_RANGE,
        # librdkafka goes on behind the batch it can't read.
        KafkaError._BAD_MSG,
        KafkaError._BAD_COMPRESSION,
        KafkaError._NOT_IMPLEMENTED,
        KafkaError._CRIT_SYS_RESOURCE,
        # The same bytes whenever they are fetched.
        KafkaError.INVALID_MSG,
        KafkaError.INVALID_RECORD,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.UNSUPPORTED_COMPRESSION_TYPE,
        # The log is gone.
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
    ],
)
def test_a_lost_position_and_damage_are_faults(code: int) -> None:
    read, events = reading(), EventLog()

    [fault] = read.take([failed(A, code)], events)

    assert isinstance(fault, PartitionFault)
    assert events.drain() == []


def test_a_right_that_was_taken_away_is_told_once_and_parks_nothing() -> None:
    read, events = reading(), EventLog()

    assert read.take([failed(A, KafkaError.TOPIC_AUTHORIZATION_FAILED)], events) == []
    [event] = events.drain()
    assert (event.reading, event.repeats) == (True, False)


def test_a_partition_fails_until_it_is_heard_whatever_comes_of_others() -> None:
    read, events = reading(), EventLog()
    end = failed(B, KafkaError._PARTITION_EOF, 0)

    read.take([*records(A, 0), failed(A, KafkaError.UNKNOWN), *records(B, 0)], events)
    read.take([failed(B, KafkaError.UNKNOWN), *records(OTHER, 0)], events)
    assert read.failing == {A, B}

    read.take([*records(A, 1), end], events)
    assert read.failing == set()


def test_who_is_taken_away_parked_or_begun_anew_fails_no_more() -> None:
    read, events = reading(), EventLog()
    read.take([failed(each, KafkaError.UNKNOWN) for each in (A, B, OTHER)], events)

    read.end(A)
    read.begin(B, 5)
    read.take([failed(OTHER, KafkaError._AUTO_OFFSET_RESET)], events)

    assert read.failing == set()


def test_a_fatal_error_is_remembered_and_events_are_bounded() -> None:
    events = EventLog()
    events.add(KafkaError(KafkaError._FATAL, "fenced"))
    for _ in range(200):
        events.add(KafkaError(KafkaError._TRANSPORT))

    assert events.fatal == "_FATAL: fenced"
    assert len(events.drain()) == 64
    assert events.drain() == []
