from __future__ import annotations

from daemon.tools.check.finding import (
    Group,
    count,
    listed,
    note,
    ok,
    problem,
    problems_in,
    render,
    warning,
)

FINE = Group("Kafka", (ok("topic", "is there"), note("group", "is new")))
BAD = Group("Braze", (problem("braze.partner", "unknown", "correct it"), warning("a", "b", "c")))


def test_each_finding_is_a_line_with_its_level_and_what_to_do() -> None:
    lines = render([FINE, BAD], [])

    assert lines == [
        "",
        "Kafka",
        "  ok       topic: is there",
        "  note     group: is new",
        "",
        "Braze",
        "  problem  braze.partner: unknown; correct it",
        "  warning  a: b; c",
        "",
        "check: 1 problem, 1 warning",
    ]


def test_only_problems_count_as_such() -> None:
    assert problems_in([FINE]) == 0
    assert problems_in([FINE, BAD]) == 1
    assert render([FINE], [])[-1] == "check: no problem, no warning"


def test_a_secret_in_others_words_is_masked_also_where_one_holds_the_other() -> None:
    said = Group("T", (ok("x", "said hunter22 and hunter2"),))

    text = "\n".join(render([said], ["hunter2", "hunter22"]))

    assert "hunter" not in text
    assert text.count("********") == 2


def test_a_finding_never_breaks_its_line() -> None:
    said = Group("T", (ok("x", "one\ntwo\x1b[31m" + "y" * 1000),))

    lines = render([said], [])

    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) <= 600


def test_long_lists_are_cut_and_numbers_are_readable() -> None:
    assert listed("abcdefg", 3) == "a, b, c, and 4 more"
    assert listed("ab") == "a, b"
    assert count(1, "topic") == "1 topic"
    assert count(12_000, "topic") == "12,000 topics"
