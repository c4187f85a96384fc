"""Dead letters on a real Apache Kafka: written, looked at, and brought back in."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import yaml
from confluent_kafka import Producer

from daemon.config.settings import load
from daemon.tools.dlq.reading import Readers
from daemon.tools.dlq.replay import Wishes, replay
from daemon.tools.dlq.scanning import look_at_logs
from daemon.tools.dlq.source import read_letters
from daemon.tools.dlq.writing import Again, Writer
from daemon.tools.log.asking import asking
from tests.support.commands import Said, command
from tests.support.processes import wait_until
from tests.support.stage import add, remove
from tests.support.topics import create_topic, unique

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from daemon.config.settings import Settings
    from tests.support.stage import Stage

RECORDS = 3_000
POISON_EVERY = 100
COHORTS = ("a", "b", "c")


def mapping(*adds: str) -> dict[str, object]:
    """Return the changes of a configuration that reads flat rows; `adds` are known operations."""
    return {
        "op": {"column": "op", "add": list(adds), "remove": ["out"]},
        "cohort_id": {"column": "cohort"},
        "external_id": {"column": "user"},
    }


def rows(stage: Stage, *adds: str) -> dict[str, object]:
    inputs = [{"topic": stage.topic, "format": "rows", "mapping": mapping(*adds)}]
    return {"inputs": inputs}


def dlq(stage: Stage, *words: str, changes: Mapping[str, object]) -> Said:
    return command(stage, "dlq", *words, changes=changes)


def settings_of(stage: Stage, changes: Mapping[str, object]) -> Settings:
    file: Path = stage.folder / "settings.yaml"
    file.write_text(yaml.safe_dump(stage.config(changes)))
    return load([file], {})


class Log:
    """Rows of which each hundredth uses a word that the mapping does not know yet."""

    def __init__(self, stage: Stage) -> None:
        self.known: dict[str, set[str]] = {cohort: set() for cohort in COHORTS}
        self.whole: dict[str, set[str]] = {cohort: set() for cohort in COHORTS}
        self.poison = 0
        values: dict[int, list[bytes]] = {number: [] for number in range(4)}
        for number in range(RECORDS):
            cohort, user = COHORTS[number % 3], f"u{number * 7 % 499}"  # Twice each, at most.
            poison = number % POISON_EVERY == 0
            op = "entered" if poison else "out" if number % 4 == 1 else "in"
            row = {"cohort": cohort, "user": user, "op": op, "number": number}
            partition = zlib.crc32(f"{cohort}{user}".encode()) % 4
            values[partition].append(json.dumps(row).encode())
            self.poison += poison
            for members in (self.whole,) if poison else (self.known, self.whole):
                (members[cohort].discard if op == "out" else members[cohort].add)(user)
        for partition, written in values.items():
            stage.produce(*written, partition=partition)


def test_after_the_mapping_is_mended_everything_that_nothing_superseded_comes_back(
    real_stage: Stage,
) -> None:
    stage = real_stage
    log = Log(stage)
    before, after = rows(stage, "in"), rows(stage, "in", "entered")
    daemon = stage.start(before)
    stage.wait_members(log.known)
    letters = stage.letters(log.poison)
    assert {dict(each.headers() or ())["cohortd.reason"] for each in letters} == {b"unknown_op"}
    assert daemon.terminate() == 0

    listed = dlq(stage, "list", "--format", "json", changes=before)
    [group] = json.loads(listed.out)["groups"]
    assert (group["reason"], group["letters"]) == ("unknown_op", log.poison)
    still = dlq(stage, "replay", "--format", "json", changes=before)
    assert json.loads(still.out)["counts"]["still_rejected"] == log.poison

    daemon = stage.start(after)
    dry = json.loads(dlq(stage, "replay", "--dry-run", "--format", "json", changes=after).out)
    some = json.loads(dlq(stage, "replay", "--max", "3", "--format", "json", changes=after).out)
    rest = dlq(stage, "replay", changes=after)

    assert some["counts"]["replay"] == 3
    assert dry["counts"]["replay"] + dry["counts"]["superseded"] == log.poison
    assert dry["counts"]["superseded"] > 0
    assert f"{dry['counts']['replay'] - 3} replayed" in rest.out
    stage.wait_members(log.whole)
    again = dlq(stage, "replay", "--from-beginning", "--format", "json", changes=after)
    assert json.loads(again.out)["counts"]["replay"] == 0
    assert json.loads(again.out)["counts"]["superseded"] == log.poison
    assert daemon.terminate() == 0
    assert not daemon.log_lines("lanes_disagree")


def test_progress_is_kept_and_a_choice_does_not_pass_what_it_leaves_out(
    real_stage: Stage,
) -> None:
    stage = real_stage
    Log(stage)
    after = rows(stage, "in", "entered")
    daemon = stage.start(rows(stage, "in"))
    stage.letters(RECORDS // POISON_EVERY)
    assert daemon.terminate() == 0

    chosen = dlq(stage, "replay", "--cohort", "a", "--format", "json", changes=after)
    others = dlq(stage, "replay", "--format", "json", changes=after)
    nothing = dlq(stage, "replay", "--format", "json", changes=after)

    assert json.loads(chosen.out)["left_out"] > 0
    told = json.loads(others.out)
    assert len(told["letters"]) + told["left_out"] < RECORDS // POISON_EVERY + 1
    assert told["counts"]["replay"] > 0
    assert json.loads(nothing.out)["letters"] == []


def test_a_letter_that_is_overtaken_between_scan_and_write_is_never_seen(
    real_stage: Stage,
) -> None:
    stage = real_stage
    row = {"cohort": "a", "user": "u1", "op": "entered"}
    stage.produce(json.dumps(row).encode())
    daemon = stage.start(rows(stage, "in"))
    stage.letters(1)
    assert daemon.terminate() == 0
    settings = settings_of(stage, rows(stage, "in", "entered"))
    readers = Readers(settings)

    with asking(settings, reads_much=True) as cluster, Writer(settings, readers) as writer:
        [letter] = read_letters(cluster, stage.letters_topic).letters
        log = look_at_logs(cluster, readers, [(letter, readers.read(letter))])
        stage.produce(json.dumps(row | {"op": "out"}).encode())  # Meanwhile.
        who = tuple(who for who, _ in readers.read(letter).changes)
        assert letter.source is not None
        again = Again(letter.source, letter.source, None, letter.record.value(), [], who)
        later = writer.write([again], {p: end for p, (_, end) in log.ranges.items()})

    assert [where.who for where in later] == [("a", "u1")]
    daemon = stage.start(rows(stage, "in", "entered"))
    wait_until("all is read", lambda: stage.committed_offset() is not None)
    daemon.wait_for("nothing is pending", lambda status: not status["pending"])
    assert stage.simulator.members("a") == set()
    assert replay(settings, Wishes(from_beginning=True)).counts["superseded"] == 1  # type: ignore[index]


def test_a_member_that_braze_refused_comes_back_as_the_native_event_it_was_made(
    real_stage: Stage,
) -> None:
    stage = real_stage
    stage.simulator.set_faults("status=400,member=bad")
    stage.produce(add("vip", "good"), add("vip", "bad"))
    daemon = stage.start()
    stage.letters(1)
    stage.wait_members(vip={"good"})
    stage.simulator.set_faults()

    told = json.loads(dlq(stage, "replay", "--format", "json", changes={}).out)

    assert told["counts"]["replay"] == 1
    stage.wait_members(vip={"good", "bad"})
    stage.produce(remove("vip", "bad"))
    stage.wait_members(vip={"good"})
    assert daemon.terminate() == 0


def test_a_topic_of_a_connector_is_left_alone_and_its_letters_may_go_into_a_native_one(
    real_stage: Stage, kafka: str
) -> None:
    stage = real_stage
    own = create_topic(kafka, 2, name=unique("table"))
    debezium: dict[str, Any] = {
        "topic": own,
        "format": "debezium",
        "mapping": {"cohort_id": {"column": "c"}, "external_id": {"column": "u"}},
    }
    changes = {"inputs": [{"topic": stage.topic}, debezium]}
    wrong = debezium | {"mapping": debezium["mapping"] | {"external_id": {"column": "missing"}}}
    envelope = {"op": "c", "before": None, "after": {"c": "vip", "u": "u1"}}
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(own, json.dumps(envelope).encode())
    assert producer.flush(30) == 0
    daemon = stage.start({"inputs": [{"topic": stage.topic}, wrong]})
    stage.letters(1)
    assert daemon.terminate() == 0

    kept = json.loads(dlq(stage, "replay", "--format", "json", changes=changes).out)
    moved = dlq(stage, "replay", "--into", stage.topic, "--format", "json", changes=changes)

    assert kept["counts"]["not_ours_to_write"] == 1
    assert json.loads(moved.out)["counts"]["replay"] == 1
    stage.start(changes)
    stage.wait_members(vip={"u1"})


def test_show_tells_a_letter_without_whom_it_is_about(real_stage: Stage) -> None:
    stage = real_stage
    secret = {"cohort": "a", "user": "canary-user", "op": "entered"}
    stage.produce(json.dumps(secret).encode())
    daemon = stage.start(rows(stage, "in"))
    stage.letters(1)
    assert daemon.terminate() == 0

    told = dlq(stage, "show", "0:0", changes=rows(stage, "in", "entered"))
    file = stage.folder / "value"
    dlq(stage, "show", "0:0", "--raw", str(file), changes=rows(stage, "in"))
    nowhere = dlq(stage, "show", "0:0", "--raw", str(file / "none"), changes=rows(stage, "in"))

    assert "unknown_op" in told.out
    assert '"user": "text of 11"' in told.out
    assert "now      adds a member (a)" in told.out
    assert json.loads(file.read_bytes()) == secret
    assert nowhere.code == 1
    [line] = nowhere.errors.splitlines()
    assert line.startswith("cohortd: --raw ")
    assert "can't be written: Not a directory" in line
