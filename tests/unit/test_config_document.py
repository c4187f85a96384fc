from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.document import DOCUMENT_BYTES_MAX, Document, merge, one_line, read_document
from daemon.config.durations import between, duration_text, parse_duration, parse_duration_or_never
from daemon.config.selection import CohortSelection, plain_ids


def read(folder: Path, content: str | bytes) -> tuple[Document | None, list[str]]:
    path = folder / "c.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found, problems = read_document(path)
    return found, [str(problem).replace(str(folder), "") for problem in problems]


@pytest.mark.parametrize(
    ("content", "document"),
    [
        ("", {}),
        ("# only a comment\n", {}),
        ("---\n", {}),
        ("a: {b: 1}\n", {"a": {"b": 1}}),
        ("start: 2026-01-31T06:00:00Z\n", {"start": "2026-01-31T06:00:00Z"}),
        ("day: 2026-01-31\n", {"day": "2026-01-31"}),
        (
            "base: &b {x: 1, y: 2}\nc: {<<: *b, y: 3}\n",
            {"base": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}},
        ),
    ],
)
def test_a_document_is_plain_values(tmp_path: Path, content: str, document: Document) -> None:
    assert read(tmp_path, content) == (document, [])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a: [1, 2\nb: 3\n", "/c.yaml:2:2: is not YAML"),
        ("a: b: c\n", "/c.yaml:1:5: is not YAML: mapping values are not allowed here"),
        ("a: *canary\n", "/c.yaml:1:4: is not YAML: found undefined alias …"),
        ("a: !canary x\n", "/c.yaml:1:4: is not YAML"),
        ("a: !!python/object/apply:os.system [x]\n", "/c.yaml:1:4: is not YAML"),
        ("\ta: 1\n", "/c.yaml:1:1: is not YAML"),
        ("a: 1\n---\nb: 2\n", "/c.yaml:2:1: is not YAML"),
        ("- a\n", "/c.yaml: is not a mapping of sections"),
        ("canary\n", "/c.yaml: is not a mapping of sections"),
        ("1: a\n", "/c.yaml: has a key that is not text"),
        ("a: {on: 1}\n", "/c.yaml: a: has a key that is not text"),
        ("a: {[b]: 1}\n", "/c.yaml:1:5: is not YAML"),
        ("a: &x [*x]\n", "/c.yaml: is too large, or a part of it holds itself"),
        ("a: " + "[" * 60 + "]" * 60, "/c.yaml: a[0]"),
        ("a: " + "[" * 2000, "/c.yaml: is nested too deeply"),
        ("a: " + "9" * 5000, "/c.yaml: has a value YAML can't read"),
        ("a: 0x" + "f" * 40, "/c.yaml: a: is a number too large"),
        ("a: !!int canary", "/c.yaml: has a value YAML can't read"),
        ("a: !!binary aGk=", "/c.yaml: a: is of a YAML type"),
        ("a: !!set {b}", "/c.yaml: a: is of a YAML type"),
        ('a: "\\0"', "/c.yaml: a: has a control character"),
        ('a: "\\ud800"', "/c.yaml: a: has a control character or broken Unicode"),
        (b"a: \xff\xfe", "/c.yaml: is not YAML"),
        (b"a: " + b" " * DOCUMENT_BYTES_MAX, f"/c.yaml: has more than {DOCUMENT_BYTES_MAX} bytes"),
    ],
)
def test_a_bad_document_is_told_in_one_line(
    tmp_path: Path, content: str | bytes, problem: str
) -> None:
    found, problems = read(tmp_path, content)

    assert found is None
    assert problems[0].startswith(problem)
    assert len(problems[0].splitlines()) == 1
    assert "canary" not in problems[0]


def test_a_billion_laughs_end_soon(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    assert read(tmp_path, "\n".join(lines))[0] is None


def test_keys_that_stand_twice_are_told_with_their_places(tmp_path: Path) -> None:
    _, problems = read(tmp_path, "a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")

    assert sorted(problems) == [
        "/c.yaml:4:3: the key c stands twice in its mapping",
        "/c.yaml:5:1: the key a stands twice in its mapping",
    ]


@pytest.mark.parametrize("name", ["absent", ".", "nul\0"])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, name: str) -> None:
    found, problems = read_document(tmp_path / name)

    assert found is None
    assert "can't be read" in problems[0].what


def test_merging_goes_deep_in_mappings_and_replaces_lists() -> None:
    below: Document = {"a": {"b": 1, "c": [1, 2]}, "d": {"e": 1}, "f": 1}
    above: Document = {"a": {"c": [3], "g": 4}, "d": None, "f": {"h": 1}}

    merged = merge(below, above)

    assert merged == {"a": {"b": 1, "c": [3], "g": 4}, "d": None, "f": {"h": 1}}
    assert below["a"] == {"b": 1, "c": [1, 2]}


def test_any_text_becomes_one_printable_line() -> None:
    assert one_line("a\nb\x1b[31m\ud800") == "a?b?[31m?"
    assert len(one_line("x" * 500)) == 120


@pytest.mark.parametrize(
    ("text", "seconds", "normal"),
    [
        ("0s", 0.0, "0s"),
        ("500ms", 0.5, "500ms"),
        ("10ms", 0.01, "10ms"),
        ("1500ms", 1.5, "1.5s"),
        ("2s", 2.0, "2s"),
        ("0.1s", 0.1, "100ms"),
        ("5m", 300.0, "300s"),
        ("1h", 3600.0, "3600s"),
    ],
)
def test_a_duration_is_seconds_and_back(text: str, seconds: float, normal: str) -> None:
    assert parse_duration(text) == seconds
    assert duration_text(seconds) == normal
    assert parse_duration(normal) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "2", 2, 2.0, True, None, "s", "-1s", "1 s", "1d", "1e3s", "1S", "never", "٣s", "1s\n"],
)
def test_what_has_no_number_or_no_unit_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


def test_never_is_longer_than_everything() -> None:
    never_s = parse_duration_or_never("never")

    assert never_s > 1e12
    assert duration_text(never_s) == "never"
    assert between("1s", "2s").func(never_s) == never_s  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("include", "exclude", "cohort", "selected"),
    [
        (["*"], [], "vip", True),
        (["*"], [], "", True),
        ([], [], "vip", False),
        (["vip"], [], "vip", True),
        (["vip"], [], "VIP", False),
        (["vip"], [], "vip-2", False),
        (["vip*"], [], "vip-2", True),
        (["*"], ["test-*"], "test-1", False),
        (["test-1"], ["test-*"], "test-1", False),
        (["a", "b?"], [], "b1", True),
        (["[ab]*"], [], "c", False),
        (["[!ab]*"], [], "c", True),
        (["a.b"], [], "axb", False),
        (["*"], ["x"], "line\nbreak", True),
        (["["], [], "[", True),
    ],
)
def test_globs_select_cohorts(
    include: list[str], exclude: list[str], cohort: str, *, selected: bool
) -> None:
    assert CohortSelection(include, exclude).cohort_selected(cohort) is selected


def test_a_glob_without_a_wildcard_names_a_cohort() -> None:
    assert plain_ids(["vip", "seg-*", "b?", "[ab]", "a.b!", "*"]) == ["vip", "a.b!"]
